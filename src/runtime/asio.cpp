// The compiled halves of Asio and Beast (see bide_asio in cmake/toolchain.cmake).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>

#ifdef BIDE_STATIC
#include <nss.h>

// What resolves names in a static program is files and DNS, which are part of it. For other sources
// that the system may be set up for, glibc would load a library, which only fits the glibc it came
// with.
[[maybe_unused]] static const int kNoPlugins = ::__nss_configure_lookup("hosts", "files dns");
#endif

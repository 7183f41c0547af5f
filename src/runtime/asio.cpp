// The compiled halves of Asio and Beast (see bide_asio in cmake/toolchain.cmake).
#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>

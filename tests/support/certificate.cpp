#include "support/certificate.hpp"

#include "support/process.hpp"

#include <stdexcept>

namespace bide::test {

void make_certificate(
    const std::string& certificate, const std::string& key, const std::string& name
) {
    ProcessOptions options;
    options.argv = {
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:prime256v1",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=" + name,
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        key,
        "-out",
        certificate};
    const Ran made = run(options);
    if (made.exit.status != 0) throw std::runtime_error("openssl: " + made.error);
}

}  // namespace bide::test

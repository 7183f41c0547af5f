#pragma once

#include <string>

namespace bide::test {

/// Writes a key and its self-signed certificate (PEM) for 127.0.0.1, whose subject is `name`.
/// Throws when openssl fails.
void make_certificate(
    const std::string& certificate, const std::string& key, const std::string& name
);

}  // namespace bide::test

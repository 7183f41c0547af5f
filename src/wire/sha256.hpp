#pragma once

#include "core/job.hpp"

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace bide::wire {

using Digest = std::array<std::uint8_t, 32>;

/// SHA-256 of what update() is given, piece by piece.
class Sha256 {
  public:
    Sha256();
    ~Sha256();
    Sha256(Sha256&&) noexcept;
    Sha256& operator=(Sha256&&) noexcept;

    void update(std::string_view bytes);
    /// Its length as 8 bytes, the highest first, and then the text: so that a list of texts is told
    /// from any other list.
    void update_prefixed(std::string_view text);
    /// Once, at the end.
    Digest finish();

  private:
    struct Context;
    std::unique_ptr<Context> context_;
};

Digest sha256(std::string_view bytes);

/// 64 digits, lower case.
std::string to_hex(const Digest& digest);

/// Whether they are the same, in a time that does not depend on where they differ.
bool equal_in_constant_time(const Digest& a, const Digest& b);

/// What a submission under a caller's id was about (G4): tenant, queue, content type, body. Feed it
/// the body in pieces of any size.
class FingerprintMaker {
  public:
    FingerprintMaker(
        std::string_view tenant, std::string_view queue, std::string_view content_type
    );
    void update(std::string_view body) { hash_.update(body); }
    core::Fingerprint finish();

  private:
    Sha256 hash_;
};

}  // namespace bide::wire

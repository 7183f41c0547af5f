#include "wire/sha256.hpp"

#include "base/check.hpp"

#include <algorithm>
#include <openssl/crypto.h>
#include <openssl/evp.h>

namespace bide::wire {

namespace {

/// Looked up once: EVP_sha256() stands for a search by name at each use.
const EVP_MD* algorithm() {
    static const EVP_MD* const found = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    CHECK(found != nullptr);
    return found;
}

}  // namespace

struct Sha256::Context {
    Context() {
        // Fails for want of memory only.
        CHECK(context != nullptr);
        CHECK(EVP_DigestInit_ex(context, algorithm(), nullptr) == 1);
    }
    ~Context() { EVP_MD_CTX_free(context); }
    Context(const Context&) = delete;
    Context& operator=(const Context&) = delete;

    EVP_MD_CTX* context = EVP_MD_CTX_new();
};

Sha256::Sha256() : context_(std::make_unique<Context>()) {}
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;
Sha256& Sha256::operator=(Sha256&&) noexcept = default;

void Sha256::update(std::string_view bytes) {
    CHECK(EVP_DigestUpdate(context_->context, bytes.data(), bytes.size()) == 1);
}

void Sha256::update_prefixed(std::string_view text) {
    std::array<char, 8> length{};
    for (std::size_t i = 0; i < length.size(); ++i)
        length[i] = static_cast<char>(std::uint64_t{text.size()} >> (56 - 8 * i));
    update({length.data(), length.size()});
    update(text);
}

Digest Sha256::finish() {
    Digest digest{};
    CHECK(EVP_DigestFinal_ex(context_->context, digest.data(), nullptr) == 1);
    return digest;
}

Digest sha256(std::string_view bytes) {
    Sha256 hash;
    hash.update(bytes);
    return hash.finish();
}

std::string to_hex(const Digest& digest) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    text.reserve(2 * digest.size());
    for (const std::uint8_t byte : digest) {
        text += kDigits[byte >> 4];
        text += kDigits[byte & 15];
    }
    return text;
}

bool equal_in_constant_time(const Digest& a, const Digest& b) {
    return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

FingerprintMaker::FingerprintMaker(
    std::string_view tenant, std::string_view queue, std::string_view content_type
) {
    hash_.update_prefixed(tenant);
    hash_.update_prefixed(queue);
    hash_.update_prefixed(content_type);
}

core::Fingerprint FingerprintMaker::finish() {
    const Digest digest = hash_.finish();
    core::Fingerprint fingerprint{};
    std::copy_n(digest.begin(), fingerprint.size(), fingerprint.begin());
    return fingerprint;
}

}  // namespace bide::wire

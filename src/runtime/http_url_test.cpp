#include "runtime/http_url.hpp"

#include <gtest/gtest.h>

namespace bide::runtime {
namespace {

TEST(HttpUrl, IsTakenApart) {
    const HttpUrl url = parse_http_url("HTTPS://Example.COM:8443/a%20b/c?d=e&f").value();
    EXPECT_TRUE(url.tls);
    EXPECT_EQ(url.host, "example.com");
    EXPECT_EQ(url.port, 8443);
    EXPECT_EQ(url.authority, "example.com:8443");
    EXPECT_EQ(url.target, "/a%20b/c?d=e&f");
    EXPECT_EQ(url.origin, "https://example.com:8443");
}

TEST(HttpUrl, WhatIsNotSaidIsTheUsual) {
    const HttpUrl plain = parse_http_url("http://host").value();
    EXPECT_FALSE(plain.tls);
    EXPECT_EQ(plain.port, 80);
    EXPECT_EQ(plain.authority, "host");
    EXPECT_EQ(plain.target, "/");
    EXPECT_EQ(plain.origin, "http://host:80");
    EXPECT_EQ(parse_http_url("https://host?q").value().target, "/?q");
    EXPECT_EQ(parse_http_url("https://host:443/").value().authority, "host");
    EXPECT_EQ(parse_http_url("http://host:/").value().port, 80);
}

TEST(HttpUrl, AddressesLoseTheirBracketsOnlyAsHost) {
    const HttpUrl url = parse_http_url("http://[::1]:81/").value();
    EXPECT_EQ(url.host, "::1");
    EXPECT_EQ(url.authority, "[::1]:81");
}

TEST(HttpUrl, WhatCannotBeAskedIsRefused) {
    for (const char* text :
         {"",
          "host",
          "/path",
          "//host/",
          "ftp://host/",
          "http:",
          "http://",
          "http:///path",
          "http://:80/",
          "http://user@host/",
          "http://host/#part",
          "http://host:99999/",
          "http://host:0/",
          "http://ho st/",
          "http://host/a b",
          "http://ho%73t/",
          "http://host/\r\nX: y"})
        EXPECT_TRUE(parse_http_url(text).has_error()) << text;
    const auto secret = parse_http_url("http://user:geheim@host/");
    EXPECT_EQ(secret.error().detail.find("geheim"), std::string::npos);
}

}  // namespace
}  // namespace bide::runtime

#include "runtime/tls.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using bide::runtime::find_system_roots;
using Where = bide::runtime::SystemRoots::Where;

class SystemRoots : public testing::Test {
  protected:
    SystemRoots() {
        for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) ::unsetenv(name);
        fs::remove_all(task_);
        fs::create_directories(task_ / "certs");
        ::setenv("LAMBDA_TASK_ROOT", task_.c_str(), 1);
    }
    ~SystemRoots() override { fs::remove_all(task_); }

    const fs::path task_ = fs::path(testing::TempDir()) / ("roots-" + std::to_string(::getpid()));
};

TEST_F(SystemRoots, AreThoseOfTheFunctionsZip) {
    std::ofstream(task_ / "certs" / "002c0b4f.0") << "PEM";
    const auto roots = find_system_roots();
    EXPECT_EQ(roots.where, Where::directory);
    EXPECT_EQ(roots.path, task_ / "certs");
}

TEST_F(SystemRoots, AreNotInADirectoryWithoutHashes) {
    std::ofstream(task_ / "certs" / "ca-bundle.crt") << "PEM";
    EXPECT_NE(find_system_roots().path, task_ / "certs");
}

TEST_F(SystemRoots, AreLeftToTheEnvironment) {
    std::ofstream(task_ / "certs" / "002c0b4f.0") << "PEM";
    for (const char* name : {"SSL_CERT_FILE", "SSL_CERT_DIR"}) {
        ::setenv(name, "/nowhere", 1);
        EXPECT_EQ(find_system_roots().where, Where::environment) << name;
        ::unsetenv(name);
    }
}

}  // namespace

// A connection's TLS when its socket is closed by others: its number may be anybody's by then.
#include "fronts/http/tls.hpp"

#include "runtime/descriptor.hpp"
#include "support/certificate.hpp"
#include "support/files.hpp"

#include <boost/asio/co_spawn.hpp>
#include <gtest/gtest.h>

#include <array>
#include <fcntl.h>
#include <memory>
#include <openssl/ssl.h>
#include <optional>
#include <string>
#include <sys/mman.h>
#include <thread>
#include <unistd.h>

namespace bide::fronts::http {
namespace {

using boost::system::error_code;
using runtime::tcp;

constexpr std::string_view kOthers = "what belongs to somebody else";

/// Both ends of a connection on which the handshake is done. The client's end blocks.
class TlsOfAClosedSocket : public testing::Test {
  protected:
    TlsOfAClosedSocket() : server_(io_.get_executor()), client_(io_.get_executor()) {
        const TlsFiles files{directory_ / "cert", directory_ / "key"};
        test::make_certificate(files.certificate, files.key, "test");
        identity_ = std::move(TlsIdentity::load(files).value());
        const tcp::endpoint any(net::ip::address_v4::loopback(), 0);
        runtime::Acceptor acceptor(io_.get_executor(), any);
        client_.connect(acceptor.local_endpoint());
        acceptor.accept(server_);
        server_.set_option(net::socket_base::send_buffer_size(1 << 20));
        tls_ = std::make_unique<Tls>(identity_->context(), server_);
        shake_hands();
    }
    ~TlsOfAClosedSocket() override {
        SSL_free(client_tls_);
        SSL_CTX_free(context_);
        if (number_ >= 0) ::close(number_);
    }

    void shake_hands() {
        SSL_set_fd(client_tls_, client_.native_handle());
        std::thread client([this] { connected_ = SSL_connect(client_tls_); });
        spawn(tls_->handshake());
        io_.run();
        client.join();
        ASSERT_EQ(connected_, 1);
        ASSERT_FALSE(*result_) << result_->message();
    }

    void spawn(runtime::Task<error_code> task) {
        result_.reset();
        io_.restart();
        net::co_spawn(io_, std::move(task), [this](const std::exception_ptr&, error_code error) {
            result_ = error;
        });
    }

    /// The shard closes the socket, and a file of somebody else gets its number.
    void close_and_reuse() {
        number_ = server_.native_handle();
        server_.close();
        const runtime::Descriptor file(::memfd_create("others", MFD_CLOEXEC));
        ASSERT_EQ(::dup3(file.get(), number_, O_CLOEXEC), number_);
        ASSERT_EQ(
            ::write(number_, kOthers.data(), kOthers.size()), static_cast<ssize_t>(kOthers.size())
        );
        ::lseek(number_, 0, SEEK_SET);
    }

    void expect_untouched() const {
        EXPECT_EQ(::lseek(number_, 0, SEEK_CUR), 0) << "read or written";
        std::array<char, 64> bytes{};
        const ssize_t size = ::pread(number_, bytes.data(), bytes.size(), 0);
        EXPECT_EQ(std::string_view(bytes.data(), static_cast<std::size_t>(size)), kOthers);
    }

    test::TempDir directory_;
    net::io_context io_{1};
    runtime::Socket server_;
    runtime::Socket client_;
    std::unique_ptr<TlsIdentity> identity_;
    std::unique_ptr<Tls> tls_;
    SSL_CTX* context_ = SSL_CTX_new(TLS_client_method());
    SSL* client_tls_ = SSL_new(context_);
    int connected_ = 0;
    int number_ = -1;
    std::optional<error_code> result_;
};

TEST_F(TlsOfAClosedSocket, SaysNoGoodbye) {
    close_and_reuse();
    tls_->say_goodbye();
    expect_untouched();
}

TEST_F(TlsOfAClosedSocket, ReadsNothing) {
    close_and_reuse();
    std::array<char, 16> room{};
    EXPECT_EQ(tls_->read_now(net::buffer(room)).size, 0U);
    spawn(tls_->wait_to_read());
    io_.run();
    EXPECT_TRUE(result_ && *result_);
    expect_untouched();
}

TEST_F(TlsOfAClosedSocket, HasNoPeer) {
    close_and_reuse();
    EXPECT_TRUE(tls_->peer_is_gone());
    expect_untouched();
}

TEST_F(TlsOfAClosedSocket, WritesNothing) {
    close_and_reuse();
    spawn(tls_->write(net::buffer(kOthers)));
    io_.run();
    EXPECT_TRUE(result_ && *result_);
    expect_untouched();
}

TEST_F(TlsOfAClosedSocket, DoesNotGoOnWritingAfterAPause) {
    // More records than are written in a row, and all of them fit into the kernel's buffers.
    const std::string bytes(20 * 16384, 'x');
    spawn(tls_->write(net::buffer(bytes)));
    io_.run_one();
    ASSERT_FALSE(result_) << "it has not paused";
    close_and_reuse();
    io_.run();
    EXPECT_TRUE(result_ && *result_);
    expect_untouched();
}

TEST_F(TlsOfAClosedSocket, ShakesNoHands) {
    tls_ = std::make_unique<Tls>(identity_->context(), server_);
    close_and_reuse();
    spawn(tls_->handshake());
    io_.run();
    EXPECT_TRUE(result_ && *result_);
    expect_untouched();
}

}  // namespace
}  // namespace bide::fronts::http

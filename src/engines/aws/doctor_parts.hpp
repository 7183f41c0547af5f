#pragma once

#include "base/rng.hpp"
#include "engines/aws/doctor.hpp"

#include <optional>
#include <string>
#include <utility>
#include <vector>

/// What the doctor's source files share; nobody else includes it.
namespace bide::engines::aws {

/// A part of a bucket, and what has to be possible there.
struct StorePart {
    std::string prefix;
    bool put = true;
    bool get = true;
};

/// A part of SQS's rights.
struct QueueRights {
    bool send = true;
    bool receive = true;
};

/// One examination, on the services' thread.
class Examination {
  public:
    using Grade = Finding::Grade;
    template <class T = void>
    using Task = runtime::Task<T>;

    Examination(
        Services& services, DoctorOptions options, const std::function<void(const Finding&)>& tell
    );
    Task<> run();

  private:
    // doctor.cpp
    Task<bool> credentials();
    Task<> identity();
    Task<> clock();
    Task<> queue(const DoctorOptions::Queue* which);
    Task<> dead_letters(const DoctorOptions::Queue* which, const QueueAttributes* queue);
    Task<std::optional<QueueAttributes>> attributes(
        std::string about, std::string name, QueueRights rights
    );
    Task<> permissions(std::string about, std::string url, QueueRights rights);

    // doctor_store.cpp
    std::vector<StorePart> parts_of(bool incoming, bool outgoing) const;
    Task<> bucket(clients::S3Client* which, std::vector<StorePart> parts);
    Task<bool> listing(clients::S3Client* which, std::string about);
    Task<> absent(clients::S3Client* which, std::string about, std::string prefix);
    Task<> trial(clients::S3Client* which, std::string about, StorePart part);
    Task<> lifecycle(clients::S3Client* which, std::string about, std::vector<StorePart> parts);
    Task<> public_access(clients::S3Client* which, std::string about);

    // doctor_cache.cpp
    Task<> cache();
    Task<std::string> connect();
    Task<> keys();
    Task<> channels();
    Task<> eviction();

    void tell(Grade grade, std::string about, std::string found, std::string mend = {}) {
        tell_({grade, std::move(about), std::move(found), std::move(mend)});
    }
    void tell_all(Findings findings, const std::string& about);
    /// A request of which answers like 403 are wanted, too.
    Task<clients::AwsResult> ask(clients::AwsRequest request);
    Task<clients::AwsResult> ask_sqs(const char* action, std::string body);
    Task<clients::AwsResult> ask_bucket(clients::S3Client* which, const char* what);
    Time now() const { return services_.clock().now(); }

    Services& services_;
    DoctorOptions options_;
    const std::function<void(const Finding&)>& tell_;
    std::string name_;         ///< of what is written for a trial
    Duration longest_kept_{};  ///< of messages, by any queue
};

}  // namespace bide::engines::aws

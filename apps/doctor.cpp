// bide doctor: looks whether fronts and workers with this configuration could do their work.
#include "engines/aws/doctor.hpp"

#include "apps/aws_side.hpp"
#include "apps/http_side.hpp"
#include "apps/serve.hpp"
#include "runtime/blocking_pool.hpp"
#include "runtime/work_thread.hpp"
#include "service/batch_handler.hpp"
#include "service/contract.hpp"

#include <array>
#include <cstdio>
#include <filesystem>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace bide {
namespace {

namespace aws = engines::aws;
using Grade = aws::Finding::Grade;

/// Prints what is found, a line each, and counts.
class Report {
  public:
    void add(const aws::Finding& finding) {
        struct Word {
            const char* colour;
            const char* text;
        };
        // In the order of Grade.
        constexpr std::array<Word, 4> kWords{
            {{"32", "ok"}, {"2", "skip"}, {"33", "warn"}, {"1;31", "FAIL"}}};
        const auto place = static_cast<std::size_t>(finding.grade);
        ++counts_.at(place);
        const Word& word = kWords.at(place);
        const std::string mend = finding.mend.empty() ? "" : "; to mend: " + finding.mend;
        std::printf(
            colours_ ? "\033[%sm%-4s\033[0m  %s: %s%s\n" : "%.0s%-4s  %s: %s%s\n",
            word.colour,
            word.text,
            finding.about.c_str(),
            finding.found.c_str(),
            mend.c_str()
        );
        std::fflush(stdout);
    }

    /// The exit status.
    int finish() const {
        const auto count = [this](Grade grade) {
            return std::to_string(counts_.at(static_cast<std::size_t>(grade)));
        };
        std::printf(
            "%s ok, %s skipped, %s to look at, %s to mend\n",
            count(Grade::ok).c_str(),
            count(Grade::skipped).c_str(),
            count(Grade::warn).c_str(),
            count(Grade::fail).c_str()
        );
        return counts_.at(static_cast<std::size_t>(Grade::fail)) == 0 ? 0 : 1;
    }

  private:
    const bool colours_ = ::isatty(STDOUT_FILENO) == 1;
    std::array<unsigned, 4> counts_{};
};

aws::DoctorOptions doctor_options(const cli::Config& config) {
    aws::DoctorOptions options;
    options.retention = longest_retention(config);
    options.front = config.examined_as != "worker";
    options.worker = config.examined_as != "front";
    options.batches = options.front && !config.aws.batches.empty();
    aws::QueueNeeds needs;
    needs.lease = config.aws.lease;
    needs.max_wait = config.server.max_wait;
    needs.inline_bytes_max = config.aws.inline_max;
    for (const auto& queue : config.queues) {
        needs.name = queue.name;
        needs.rules = queue.rules;
        options.queues.push_back({needs, queue.sqs, queue.dead_letters});
    }
    if (!config.aws.batches.empty()) {
        needs.name = service::kBatchQueue;
        needs.rules = service::batch_queue_rules();
        needs.batches = true;
        options.queues.push_back({needs, config.aws.batches, {}});
    }
    return options;
}

/// The clients want a place for large bodies, though there are none here.
class Scratch {
  public:
    Scratch()
        : path_(
              std::filesystem::temp_directory_path() / ("bide-doctor-" + std::to_string(::getpid()))
          ) {}
    ~Scratch() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    Scratch(const Scratch&) = delete;
    Scratch& operator=(const Scratch&) = delete;

    std::string path() const { return path_.string(); }

  private:
    std::filesystem::path path_;
};

void examine_all(const cli::Config& config, Report& report) {
    const Scratch scratch;
    auto spool = runtime::Spool::open(scratch.path(), config.server.inline_max);
    if (spool.has_error()) {
        return report.add({Grade::fail, "here", spool.error().detail, "set TMPDIR"});
    }
    const SystemClock clock;
    runtime::BlockingPool pool(2);
    runtime::WorkThread thread("bide-aws");
    thread.start();
    aws::ServicesOptions options = services_options(config);
    options.log = nullptr;  // what it would say is found and told in order
    auto services = aws::Services::open(std::move(options), thread, pool, *spool.value(), clock);
    if (services.has_error()) {
        report.add({Grade::fail, "configuration", services.error().detail, {}});
    } else {
        aws::examine(*services.value(), doctor_options(config), [&report](const auto& finding) {
            report.add(finding);
        });
        services.value().reset();
    }
    thread.stop();
    thread.join();
    pool.join();
}

}  // namespace

int examine(const cli::Config& config) {
    Report report;
    examine_all(config, report);
    return report.finish();
}

}  // namespace bide

// The demo server: bide, and one more handler written in C++.
#include "chart/chart.hpp"
#include <bide/worker.hpp>

#include <utility>

int main(int argc, char** argv) {
    bide::Worker worker;
    worker.handle("chart", [](const bide::Job& job) {
        std::string error;
        auto svg = svg_chart(job.whole_body(), error);
        if (!svg) return bide::Reply::fail(std::move(error));
        return bide::Reply::ok(std::move(*svg), "image/svg+xml");
    });
    return worker.serve(argc, argv);
}

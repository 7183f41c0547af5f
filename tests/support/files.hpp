#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace bide::test {

/// A directory that goes away with its owner, unless keep() was called.
class TempDir {
  public:
    TempDir();
    ~TempDir();
    TempDir(const TempDir&) = delete;
    TempDir& operator=(const TempDir&) = delete;

    const std::string& path() const { return path_; }
    std::string operator/(std::string_view name) const { return path_ + "/" + std::string(name); }
    void keep() { keep_ = true; }

  private:
    std::string path_;
    bool keep_ = false;
};

/// Throws when it cannot be read.
std::string read_file(const std::string& path);
void write_file(const std::string& path, std::string_view bytes);

/// Regular files in a directory, not counting those in directories below it.
std::size_t count_files(const std::string& directory);

}  // namespace bide::test

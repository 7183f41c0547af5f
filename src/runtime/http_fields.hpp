#pragma once

#include <boost/container/small_vector.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace bide::runtime {

/// The header fields of a received message, as they came, in one block of memory.
class HttpFields {
  public:
    void add(std::string_view name, std::string_view value);
    void clear();

    std::size_t size() const { return places_.size(); }
    std::string_view name(std::size_t at) const;
    std::string_view value(std::size_t at) const;

    /// The value of the first field of this name (any case); empty when there is none.
    std::string_view operator[](std::string_view name) const;
    std::size_t count(std::string_view name) const;

  private:
    struct Place {
        std::uint32_t at;
        std::uint32_t name_size;
        std::uint32_t value_size;
    };

    std::string text_;
    boost::container::small_vector<Place, 12> places_;
};

}  // namespace bide::runtime

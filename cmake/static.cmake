# Programs that need nothing but the kernel, for Lambda's zips and for images without a distribution
# (preset `static`). The distribution has most libraries as archives too; of the rest, those that are
# also headers alone are taken as headers.
set(CMAKE_FIND_LIBRARY_SUFFIXES .a)
set(Boost_USE_STATIC_LIBS ON)
set(OPENSSL_USE_STATIC_LIBS ON)

# Still at a random address, for what faces the Internet. What is not called is left out.
target_compile_options(bide_options INTERFACE -fPIE -ffunction-sections -fdata-sections)
target_link_options(bide_options INTERFACE -static-pie -Wl,--gc-sections -Wl,--build-id=sha1)
# ld warns that the resolver of a static program may load libraries; src/runtime/asio.cpp sees to it.
target_link_options(bide_options INTERFACE -Wl,--no-warnings)
# The same bytes wherever the tree lies, also where ccache makes paths relative.
file(RELATIVE_PATH up ${CMAKE_BINARY_DIR} ${PROJECT_SOURCE_DIR})
foreach(prefix ${PROJECT_SOURCE_DIR}/ ${CMAKE_BINARY_DIR}/ ${up})
    target_compile_options(bide_options INTERFACE -ffile-prefix-map=${prefix}=)
endforeach()
target_compile_definitions(bide_options INTERFACE BIDE_STATIC)

find_path(SPDLOG_INCLUDE spdlog/spdlog.h REQUIRED)
find_path(FMT_INCLUDE fmt/core.h REQUIRED)
add_library(spdlog::spdlog INTERFACE IMPORTED)
target_include_directories(spdlog::spdlog INTERFACE ${SPDLOG_INCLUDE} ${FMT_INCLUDE})
target_compile_definitions(spdlog::spdlog INTERFACE SPDLOG_FMT_EXTERNAL FMT_HEADER_ONLY=1)

find_path(TOMLPLUSPLUS_INCLUDE toml++/toml.h REQUIRED)
add_library(tomlplusplus::tomlplusplus INTERFACE IMPORTED)
target_include_directories(tomlplusplus::tomlplusplus INTERFACE ${TOMLPLUSPLUS_INCLUDE})
target_compile_definitions(tomlplusplus::tomlplusplus INTERFACE TOML_HEADER_ONLY=1)

find_path(PUGIXML_INCLUDE pugixml.hpp REQUIRED)
find_library(PUGIXML_LIBRARY pugixml REQUIRED)
add_library(pugixml::pugixml INTERFACE IMPORTED)
target_include_directories(pugixml::pugixml INTERFACE ${PUGIXML_INCLUDE})
target_link_libraries(pugixml::pugixml INTERFACE ${PUGIXML_LIBRARY})

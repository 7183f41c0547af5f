# What every target of the project is compiled with, and the libraries it may link. All of them
# are packages of the distribution; scripts/packages lists their names.
add_library(bide_options INTERFACE)
target_compile_options(
    bide_options INTERFACE -Wall -Wextra -Wconversion -Wshadow -Wnon-virtual-dtor -Werror)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # GCC 12 reports uninitialised members inside std::variant and std::optional at -O2, and takes
    # the inlined operator delete of Asio's coroutine frames for a mismatch.
    target_compile_options(
        bide_options INTERFACE -Wno-maybe-uninitialized -Wno-mismatched-new-delete)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "aarch64|arm64")
    # As on x86-64, where the code is tested.
    target_compile_options(bide_options INTERFACE -fsigned-char)
endif()
if(BIDE_SANITIZE)
    target_compile_options(
        bide_options INTERFACE -fsanitize=${BIDE_SANITIZE} -fno-omit-frame-pointer
                               -fno-sanitize-recover=all)
    target_link_options(bide_options INTERFACE -fsanitize=${BIDE_SANITIZE})
    if(BIDE_SANITIZE MATCHES "thread" AND CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
        # GCC warns that it cannot follow Asio's fences; it follows the mutexes around them.
        target_compile_options(bide_options INTERFACE -Wno-tsan)
    endif()
    if(BIDE_SANITIZE MATCHES "undefined" AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
        # clang 14 cannot compile coroutines with it. After -fsanitize=, which would switch it on.
        target_compile_options(bide_options INTERFACE -fno-sanitize=function)
    endif()
endif()
if(BIDE_FUZZ AND CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
    # The fuzzer steers by the code that is reached, so all of it counts; tests/fuzz adds the rest.
    target_compile_options(bide_options INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(BIDE_STATIC)
    include(cmake/static.cmake)
endif()
find_package(Threads REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(CLI11 REQUIRED)
if(NOT BIDE_STATIC)
    find_package(spdlog REQUIRED)
    find_package(tomlplusplus REQUIRED)
    find_package(pugixml REQUIRED)
    find_package(GTest REQUIRED)
endif()
find_library(NGHTTP2_LIBRARY nghttp2 REQUIRED)
find_library(HIREDIS_LIBRARY hiredis REQUIRED)

# Asio and Beast are compiled once (runtime/asio.cpp), not in every file that includes them.
add_library(bide_asio INTERFACE)
target_compile_definitions(
    bide_asio
    INTERFACE BOOST_ASIO_SEPARATE_COMPILATION BOOST_BEAST_SEPARATE_COMPILATION
              BOOST_ASIO_NO_DEPRECATED BOOST_ASIO_DISABLE_BOOST_REGEX)
target_link_libraries(bide_asio INTERFACE Boost::headers Threads::Threads)

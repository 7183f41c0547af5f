# What one job costs, counted in instructions (scripts/bench instructions).
add_executable(hot_path hot_path.cpp)
target_link_libraries(
    hot_path
    PRIVATE bide_service bide_engines_embedded bide_handlers_native bide_wire bide_options)
if(NOT BIDE_SANITIZE)
    target_link_libraries(hot_path PRIVATE mimalloc)  # as bide does
    add_test(NAME instructions COMMAND ${CMAKE_CURRENT_SOURCE_DIR}/instructions.py
                                       ${CMAKE_BINARY_DIR} --check)
    set_tests_properties(instructions PROPERTIES LABELS bench TIMEOUT 300 SKIP_RETURN_CODE 77)
endif()

# The micro-benchmarks, which lie beside what they measure; one program, where Google Benchmark is
# installed (scripts/bench micro).
find_package(benchmark QUIET)
if(benchmark_FOUND)
    set(source ${PROJECT_SOURCE_DIR}/src)
    add_executable(
        micro
        ${source}/base/id_bench.cpp
        ${source}/core/ledger_bench.cpp
        ${source}/engines/embedded/name_index_bench.cpp
        ${source}/engines/embedded/store_bench.cpp
        ${source}/service/contract_bench.cpp
        ${source}/wire/request_head_bench.cpp)
    target_link_libraries(
        micro
        PRIVATE bide_service bide_engines_embedded bide_wire bide_options
                benchmark::benchmark_main)
    if(NOT BIDE_SANITIZE)
        target_link_libraries(micro PRIVATE mimalloc)
    endif()
endif()

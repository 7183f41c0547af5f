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

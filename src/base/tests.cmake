set(base_tests ${CMAKE_CURRENT_LIST_DIR})
bide_tests(
    base_test
    LIBS bide_base
    SOURCES ${base_tests}/id_test.cpp ${base_tests}/rng_test.cpp ${base_tests}/time_test.cpp)

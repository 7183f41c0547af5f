bide_tests(store_test
    LIBS bide_engines_embedded
    LABEL integration
    SOURCES ${PROJECT_SOURCE_DIR}/src/engines/embedded/name_index_test.cpp
            ${PROJECT_SOURCE_DIR}/src/engines/embedded/store_test.cpp)

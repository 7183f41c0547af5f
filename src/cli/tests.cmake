bide_tests(cli_test
    LIBS bide_cli
    SOURCES ${PROJECT_SOURCE_DIR}/src/cli/config_file_test.cpp
            ${PROJECT_SOURCE_DIR}/src/cli/flags_test.cpp
            ${PROJECT_SOURCE_DIR}/src/cli/units_test.cpp)

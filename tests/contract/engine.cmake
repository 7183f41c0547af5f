bide_tests(engine_contract_test
    LIBS bide_engines_embedded
    LABEL contract
    SOURCES ${CMAKE_CURRENT_LIST_DIR}/embedded_engine_test.cpp
            ${CMAKE_CURRENT_LIST_DIR}/engine_suite.cpp)
target_include_directories(engine_contract_test PRIVATE ${PROJECT_SOURCE_DIR}/tests)

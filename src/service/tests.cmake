bide_tests(service_test
    LIBS bide_service
    SOURCES ${PROJECT_SOURCE_DIR}/src/service/contract_test.cpp)

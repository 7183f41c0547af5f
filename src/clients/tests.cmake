bide_tests(aws_client_test
    LABEL integration
    LIBS bide_clients
    SOURCES ${PROJECT_SOURCE_DIR}/src/clients/aws_client_test.cpp)

bide_tests(aws_client_test
    LABEL integration
    LIBS bide_clients
    SOURCES ${PROJECT_SOURCE_DIR}/src/clients/aws_client_test.cpp
            ${PROJECT_SOURCE_DIR}/src/clients/credentials_test.cpp)
bide_tests(sqs_s3_client_test
    LABEL integration
    LIBS bide_clients
    SOURCES ${PROJECT_SOURCE_DIR}/src/clients/s3_client_test.cpp
            ${PROJECT_SOURCE_DIR}/src/clients/sqs_client_test.cpp)
bide_tests(lambda_runtime_test
    LABEL integration
    LIBS bide_clients
    SOURCES ${PROJECT_SOURCE_DIR}/src/clients/lambda_runtime_test.cpp)

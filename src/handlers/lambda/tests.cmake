bide_tests(lambda_test
    LABEL integration
    LIBS bide_handlers_lambda
    SOURCES ${PROJECT_SOURCE_DIR}/src/handlers/lambda/lambda_test.cpp)
target_compile_definitions(
    lambda_test PRIVATE BIDE_LAMBDA_RUNTIME="$<TARGET_FILE:lambda_runtime>")
add_dependencies(lambda_test lambda_runtime)

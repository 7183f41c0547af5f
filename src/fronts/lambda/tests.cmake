bide_tests(fronts_lambda_test
    LIBS bide_fronts_lambda
    SOURCES ${PROJECT_SOURCE_DIR}/src/fronts/lambda/events_test.cpp
            ${PROJECT_SOURCE_DIR}/src/fronts/lambda/front_test.cpp
            ${PROJECT_SOURCE_DIR}/src/fronts/lambda/whitespace_test.cpp)

bide_tests(http_mapping_test
    LIBS bide_handlers_http
    SOURCES ${PROJECT_SOURCE_DIR}/src/handlers/http/mapping_test.cpp)
bide_tests(http_attempt_test
    LABEL integration
    LIBS bide_handlers_http
    SOURCES ${PROJECT_SOURCE_DIR}/src/handlers/http/http_handler_test.cpp)

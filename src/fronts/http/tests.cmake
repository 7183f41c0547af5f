bide_tests(fronts_http_test
    LIBS bide_fronts_http bide_test_support
    LABEL integration
    SOURCES ${PROJECT_SOURCE_DIR}/src/fronts/http/tls_test.cpp)

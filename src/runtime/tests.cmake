bide_tests(http_url_test
    LIBS bide_runtime
    SOURCES ${PROJECT_SOURCE_DIR}/src/runtime/http_url_test.cpp)
bide_tests(turn_test
    LIBS bide_runtime
    SOURCES ${PROJECT_SOURCE_DIR}/src/runtime/inbox_test.cpp
            ${PROJECT_SOURCE_DIR}/src/runtime/turn_test.cpp)
bide_tests(tls_test
    LABEL integration
    LIBS bide_runtime
    SOURCES ${PROJECT_SOURCE_DIR}/src/runtime/tls_test.cpp)
bide_tests(http_client_test
    LABEL integration
    LIBS bide_runtime
    SOURCES ${PROJECT_SOURCE_DIR}/src/runtime/http_client_body_test.cpp
            ${PROJECT_SOURCE_DIR}/src/runtime/http_client_test.cpp)
bide_tests(http2_client_test
    LABEL integration
    LIBS bide_runtime
    SOURCES ${PROJECT_SOURCE_DIR}/src/runtime/http2_client_end_test.cpp
            ${PROJECT_SOURCE_DIR}/src/runtime/http2_client_test.cpp)

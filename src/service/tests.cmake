bide_tests(service_test
    LIBS bide_service
    SOURCES ${PROJECT_SOURCE_DIR}/src/service/access_test.cpp
            ${PROJECT_SOURCE_DIR}/src/service/answer_test.cpp
            ${PROJECT_SOURCE_DIR}/src/service/batch_test.cpp
            ${PROJECT_SOURCE_DIR}/src/service/metrics_test.cpp
            ${PROJECT_SOURCE_DIR}/src/service/stream_test.cpp
            ${PROJECT_SOURCE_DIR}/src/service/understand_test.cpp)

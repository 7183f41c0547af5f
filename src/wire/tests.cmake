bide_tests(wire_test
    LIBS bide_wire
    SOURCES ${PROJECT_SOURCE_DIR}/src/wire/aws_error_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/aws_profile_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/credentials_json_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/sts_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/batch_line_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/derived_id_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/elasticache_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/envelope_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/http_date_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/job_options_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/lambda_codec_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/lambda_http_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/lambda_sqs_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/message_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/notice_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/prefer_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/query_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/range_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/http2_guard_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/http2_head_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/request_head_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/resp_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/result_object_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/s3_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/sqs_test.cpp)
target_compile_definitions(wire_test PRIVATE BIDE_SHARED_BESIDE="${PROJECT_SOURCE_DIR}/../shared")
bide_tests(sigv4_test
    LIBS bide_wire
    SOURCES ${PROJECT_SOURCE_DIR}/src/wire/sigv4_test.cpp
            ${PROJECT_SOURCE_DIR}/src/wire/sigv4_vectors_test.cpp)
target_compile_definitions(sigv4_test PRIVATE BIDE_SHARED_BESIDE="${PROJECT_SOURCE_DIR}/../shared")
target_compile_definitions(wire_test PRIVATE BIDE_SHARED_BESIDE="${PROJECT_SOURCE_DIR}/../shared")

bide_tests(aws_doctor_rules_test
    LIBS bide_engines_aws
    SOURCES ${PROJECT_SOURCE_DIR}/src/engines/aws/doctor_rules_test.cpp)

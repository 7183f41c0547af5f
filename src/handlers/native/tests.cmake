bide_tests(native_test
    LIBS bide_handlers_native
    SOURCES ${PROJECT_SOURCE_DIR}/src/handlers/native/native_test.cpp)

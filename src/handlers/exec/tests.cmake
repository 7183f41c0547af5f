set(here ${PROJECT_SOURCE_DIR}/src)
bide_tests(exec_codec_test
    LIBS bide_wire
    SOURCES ${here}/wire/exec_codec_test.cpp)
bide_tests(process_test
    LABEL integration
    LIBS bide_runtime
    SOURCES ${here}/runtime/process_test.cpp)
bide_tests(exec_process_test
    LABEL integration
    LIBS bide_handlers_exec
    SOURCES ${here}/handlers/exec/process_handler_test.cpp)
bide_tests(exec_pool_test
    LABEL integration
    LIBS bide_handlers_exec
    SOURCES ${here}/handlers/exec/pool_test.cpp)
bide_tests(exec_batch_test
    LABEL integration
    LIBS bide_handlers_exec
    SOURCES ${here}/handlers/exec/batch_test.cpp)
unset(here)

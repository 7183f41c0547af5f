# bide_module(NAME path [DEPS module...] [LIBS target...] SOURCES file...) makes one room of the house: the
# library bide_<name> with an include root of its own, so that an #include of a room it does not
# name in DEPS does not compile. The table says what each room may name; configure fails past it.
#
# bide_tests(NAME test_name SOURCES file... [LIBS target...] [LABEL label]) makes one test program.

set(BIDE_MAY_USE_base "")
set(BIDE_MAY_USE_core "base")
set(BIDE_MAY_USE_wire "base;core")
set(BIDE_MAY_USE_ports "base;core")
set(BIDE_MAY_USE_runtime "base")
set(BIDE_MAY_USE_service "base;core;wire;ports;runtime")
set(BIDE_MAY_USE_engines_embedded "base;core;wire;ports;runtime")
set(BIDE_MAY_USE_handlers_exec "base;core;wire;ports;runtime")
set(BIDE_MAY_USE_handlers_http "base;core;wire;ports;runtime")
# A Lambda function's processes are a pool's, spoken with in another way: the pool, its thread and
# the supervision of children are handlers_exec's.
set(BIDE_MAY_USE_handlers_lambda "base;core;wire;ports;runtime;handlers_exec")
set(BIDE_MAY_USE_handlers_native "base;core;wire;ports;runtime")
set(BIDE_MAY_USE_fronts_http "base;core;wire;ports;runtime;service")
set(BIDE_MAY_USE_cli "base;core;wire;ports;runtime;service")

function(bide_module name path)
    cmake_parse_arguments(ARG "" "" "DEPS;LIBS;SOURCES" ${ARGN})
    if(NOT DEFINED BIDE_MAY_USE_${name})
        message(FATAL_ERROR "module ${name} is not in the table of cmake/module.cmake")
    endif()
    foreach(dep IN LISTS ARG_DEPS)
        if(NOT dep IN_LIST BIDE_MAY_USE_${name})
            message(FATAL_ERROR "src/${path} may not use src/${dep} (cmake/module.cmake)")
        endif()
    endforeach()

    set(root ${CMAKE_BINARY_DIR}/roots/${name})
    get_filename_component(parent ${root}/${path} DIRECTORY)
    file(MAKE_DIRECTORY ${parent})
    file(CREATE_LINK ${PROJECT_SOURCE_DIR}/src/${path} ${root}/${path} SYMBOLIC)

    list(TRANSFORM ARG_SOURCES PREPEND ${PROJECT_SOURCE_DIR}/src/${path}/)
    list(TRANSFORM ARG_DEPS PREPEND bide_)
    if(ARG_SOURCES)
        add_library(bide_${name} STATIC ${ARG_SOURCES})
        target_include_directories(bide_${name} PUBLIC ${root})
        target_link_libraries(bide_${name} PUBLIC ${ARG_DEPS} ${ARG_LIBS} bide_options)
    else()
        add_library(bide_${name} INTERFACE)
        target_include_directories(bide_${name} INTERFACE ${root})
        target_link_libraries(bide_${name} INTERFACE ${ARG_DEPS} ${ARG_LIBS} bide_options)
    endif()
endfunction()

function(bide_tests name)
    cmake_parse_arguments(ARG "" "LABEL;TIMEOUT" "LIBS;SOURCES" ${ARGN})
    add_executable(${name} ${ARG_SOURCES})
    target_link_libraries(${name} PRIVATE ${ARG_LIBS} bide_options GTest::gtest_main)
    if(NOT ARG_LABEL)
        set(ARG_LABEL unit)
    endif()
    if(NOT ARG_TIMEOUT)
        set(ARG_TIMEOUT 120)
    endif()
    add_test(NAME ${name} COMMAND ${name})
    set_tests_properties(${name} PROPERTIES LABELS ${ARG_LABEL} TIMEOUT ${ARG_TIMEOUT})
endfunction()

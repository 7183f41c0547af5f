set(core_tests ${CMAKE_CURRENT_LIST_DIR})
bide_tests(
    core_test
    LIBS bide_core
    SOURCES ${core_tests}/consumer_test.cpp
            ${core_tests}/failure_log_test.cpp
            ${core_tests}/fair_line_test.cpp
            ${core_tests}/job_test.cpp
            ${core_tests}/ledger_answer_test.cpp
            ${core_tests}/ledger_claim_test.cpp
            ${core_tests}/ledger_follow_test.cpp
            ${core_tests}/ledger_limits_test.cpp
            ${core_tests}/ledger_redrive_test.cpp
            ${core_tests}/ledger_run_test.cpp
            ${core_tests}/ledger_stop_test.cpp
            ${core_tests}/ledger_tenant_test.cpp
            ${core_tests}/ledger_writes_test.cpp
            ${core_tests}/outbox_test.cpp
            ${core_tests}/rendezvous_claim_test.cpp
            ${core_tests}/rendezvous_test.cpp
            ${core_tests}/retry_test.cpp
            ${core_tests}/tenants_test.cpp
            ${core_tests}/timer_queue_test.cpp)
target_compile_definitions(
    core_test PRIVATE BIDE_ARCHITECTURE_MD="${PROJECT_SOURCE_DIR}/docs/architecture.md")

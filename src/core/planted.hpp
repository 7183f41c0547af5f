#pragma once

namespace bide::core {

/// Bugs the simulator must find. They exist only in the test build of core (BIDE_PLANTED_BUGS);
/// in every other build planted() is a constant false and the branches are gone.
enum class Bug {
    none = 0,
    answer_before_commit = 1,  ///< G1: a result is answered while its commit is still under way
    late_result_counts = 2,    ///< G6: the result of an abandoned attempt is taken
    join_misses_commit = 3,    ///< G5: who joins a finished, not yet durable job is forgotten
    accept_before_commit = 4,  ///< G2: the id is handed out before the job is durable
    key_not_compared = 5,      ///< G4: another request under a used key gets the first one's result
    claim_skips_store = 6,     ///< G4: an id whose job has ended is taken for a new one
    pause_forgotten = 7,       ///< pause: a restart starts what was paused
    weights_ignored = 8,       ///< fair: every tenant has the same share
    rescue_never = 9,          ///< G5: a front never looks at the store without a notice
    promise_unclaimed = 10,    ///< G2: an id is handed out before its claim is durable
    remove_before_store = 11,  ///< G2: a message is removed before its result is stored
    claim_not_compared = 12,   ///< G4: whose request a claim belongs to is not looked at
    claim_never_sent = 13,     ///< G2: a claimed job is taken for sent though its sender died
    stale_look = 14,           ///< G2: what was read before a caller came is its answer
    own_result_told = 15,      ///< G3: a worker publishes its own result though another is stored
    stopped_slot_free = 16,    ///< G6: an attempt that does not stop has no slot
    leave_cancels = 17,        ///< G8: one who leaves cancels though others wait
    lease_not_extended = 18,   ///< G6: a message is held for one lease only
    notice_not_kept = 19,      ///< G5: a notice that the cache did not take is not sent again
    unread_not_repeated = 20,  ///< G5: a look that could not read is repeated late
};

#ifdef BIDE_PLANTED_BUGS
extern Bug planted_bug;
inline bool planted(Bug bug) {
    return planted_bug == bug;
}
#else
constexpr bool planted(Bug) {
    return false;
}
#endif

}  // namespace bide::core

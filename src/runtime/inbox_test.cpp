#include "runtime/inbox.hpp"

#include <gtest/gtest.h>

#include <memory>

namespace bide::runtime {
namespace {

TEST(Inbox, SaysWhichIsTheFirstOfALot) {
    Inbox<int> inbox;
    EXPECT_TRUE(inbox.put(1));
    EXPECT_FALSE(inbox.put(2));
    EXPECT_EQ(inbox.take(), (std::vector<int>{1, 2}));
    EXPECT_TRUE(inbox.take().empty());
    EXPECT_TRUE(inbox.put(3));
}

TEST(Inbox, ClosedKeepsNothing) {
    Inbox<std::shared_ptr<int>> inbox;
    const auto before = std::make_shared<int>();
    const auto after = std::make_shared<int>();
    EXPECT_TRUE(inbox.put(before));
    inbox.close();
    EXPECT_FALSE(inbox.put(after));
    EXPECT_EQ(before.use_count(), 1);
    EXPECT_EQ(after.use_count(), 1);
    EXPECT_TRUE(inbox.take().empty());
}

}  // namespace
}  // namespace bide::runtime

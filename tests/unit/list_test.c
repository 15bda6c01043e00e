/* SPDX-License-Identifier: MIT */
/* include/list.h, atomic.h (reference counts) and bits.h. */
#include "atomic.h"
#include "bits.h"
#include "list.h"
#include "tests/unit/unit.h"

struct item {
	int value;
	struct list_head link;
	struct hlist_node hash;
};

static struct item items[8];

static void fill(struct list_head *head, int from, int to)
{
	for (int i = from; i < to; i++) {
		items[i].value = i;
		list_add_tail(&items[i].link, head);
	}
}

/* The values in order as decimal digits. */
static long digits(const struct list_head *head)
{
	struct item *it;
	long n = 0, back = 0, scale = 1;

	list_for_each_entry(it, head, link)
		n = n * 10 + it->value;
	list_for_each_entry_reverse(it, head, link) {
		back += it->value * scale;
		scale *= 10;
	}
	CHECK_EQ(back, n);
	return n;
}

static void test_list(void)
{
	LIST_HEAD(a);
	LIST_HEAD(b);
	struct item *it, *tmp;

	CHECK(list_empty(&a));
	CHECK(list_first_entry_or_null(&a, struct item, link) == NULL);
	fill(&a, 1, 5);
	CHECK_EQ(digits(&a), 1234);
	list_move(&items[3].link, &a);
	CHECK_EQ(digits(&a), 3124);
	list_move_tail(&items[3].link, &a);
	CHECK_EQ(digits(&a), 1243);
	CHECK(list_is_last(&items[3].link, &a));
	list_del(&items[2].link);
	list_del(&items[2].link);
	CHECK(list_empty(&items[2].link));
	CHECK_EQ(digits(&a), 143);

	fill(&b, 5, 7);
	list_splice(&b, &a);
	CHECK(list_empty(&b));
	CHECK_EQ(digits(&a), 56143);
	list_splice_tail(&a, &b);
	list_splice_tail(&a, &b);
	CHECK_EQ(digits(&b), 56143);
	CHECK_EQ(list_first_entry(&b, struct item, link)->value, 5);
	CHECK_EQ(list_last_entry(&b, struct item, link)->value, 3);

	list_for_each_entry_safe(it, tmp, &b, link) {
		if (it->value % 2)
			list_del(&it->link);
	}
	CHECK_EQ(digits(&b), 64);
}

static void test_hlist(void)
{
	struct hlist_head h = { NULL };
	struct hlist_node *tmp;
	struct item *it;
	long n = 0;

	CHECK(hlist_empty(&h));
	for (int i = 0; i < 5; i++) {
		items[i].value = i;
		hlist_init(&items[i].hash);
		hlist_add(&items[i].hash, &h);
	}
	hlist_del(&items[4].hash);
	hlist_del(&items[2].hash);
	hlist_del(&items[2].hash);
	CHECK(hlist_unlinked(&items[2].hash));
	hlist_for_each_entry(it, &h, hash)
		n = n * 10 + it->value;
	CHECK_EQ(n, 310);
	hlist_for_each_entry_safe(it, tmp, &h, hash)
		hlist_del(&it->hash);
	CHECK(hlist_empty(&h));
}

static void test_atomic(void)
{
	atomic_t a = ATOMIC_INIT(5);
	atomic64_t b = ATOMIC_INIT(0);

	atomic_inc(&a);
	atomic_sub(&a, 2);
	CHECK_EQ(atomic_read(&a), 4);
	CHECK_EQ(atomic_add_return(&a, 3), 7);
	CHECK_EQ(atomic_fetch_add(&a, 1), 7);
	CHECK_EQ(atomic_cmpxchg(&a, 7, 1), 8);
	CHECK_EQ(atomic_cmpxchg(&a, 8, 1), 8);
	CHECK_EQ(atomic_xchg(&a, 2), 1);
	CHECK(!atomic_dec_and_test(&a));
	CHECK(atomic_dec_and_test(&a));
	CHECK(!atomic_inc_not_zero(&a));
	CHECK_EQ(atomic64_add_return(&b, 1l << 40), 1l << 40);
	CHECK(atomic64_inc_not_zero(&b));
	atomic64_or(&b, 2);
	CHECK_EQ(atomic64_fetch_and(&b, 1), (1l << 40) + 3);
}

static void test_refcount(void)
{
	refcount_t r;

	refcount_set(&r, 1);
	refcount_inc(&r);
	CHECK(refcount_inc_not_zero(&r));
	CHECK(!refcount_put_and_test(&r));
	CHECK(!refcount_put_and_test(&r));
	CHECK(refcount_put_and_test(&r));
	CHECK(!refcount_inc_not_zero(&r));
	UNIT_DIES(refcount_inc(&r));
	refcount_set(&r, 0);
	UNIT_DIES((void)!refcount_put_and_test(&r));
	refcount_set(&r, REFCOUNT_MAX);
	UNIT_DIES(refcount_inc(&r));
}

static void test_bits(void)
{
	u64 map[2] = { 0, 0 };
	u8 raw[8];

	CHECK_EQ(ffs64(0), 0);
	CHECK_EQ(fls64(0), 0);
	for (unsigned int i = 0; i < 64; i++) {
		CHECK_EQ(ffs64(BIT(i)), i + 1);
		CHECK_EQ(fls64(BIT(i) | 1), i + 1);
		CHECK_EQ(log2_floor(BIT(i)), i);
		CHECK_EQ(log2_ceil(BIT(i)), i);
		CHECK_EQ(popcount64(~0ul >> i), 64 - i);
	}
	CHECK_EQ(log2_ceil(5), 3);
	CHECK_EQ(log2_floor(5), 2);
	set_bit(map, 70);
	CHECK(test_bit(map, 70) && map[1] == BIT(6));
	CHECK(test_and_set_bit(map, 70));
	CHECK(!test_and_set_bit(map, 63));
	CHECK(test_and_clear_bit(map, 70));
	CHECK(!test_and_clear_bit(map, 70));
	clear_bit(map, 63);
	CHECK(map[0] == 0 && map[1] == 0);
	store_be32(raw, 0x01020304);
	CHECK(raw[0] == 1 && raw[3] == 4);
	CHECK_EQ(load_le32(raw), 0x04030201);
	CHECK_EQ(load_be16(raw + 1), 0x0203);
	store_le64(raw, 0x0102030405060708);
	CHECK_EQ(load_be64(raw), 0x0807060504030201);
}

static void test_macros(void)
{
	int x = 3;

	CHECK_EQ(min(x, 5), 3);
	CHECK_EQ(max(x, 5), 5);
	CHECK_EQ(max(min(x++, 9), 1), 3);
	CHECK_EQ(x, 4);
	CHECK_EQ(clamp(12, 0, 9), 9);
	CHECK_EQ(clamp(-1, 0, 9), 0);
	CHECK_EQ(round_up(4097ul, 4096), 8192);
	CHECK_EQ(round_up(4096ul, 4096), 4096);
	CHECK(round_up(0x100000001ul, 16) == 0x100000010ul);
	CHECK(round_down(0xffffffffffffffff, 4096) == ~4095ul);
	CHECK(IS_ALIGNED(64, 16) && !IS_ALIGNED(65ul, 16));
	CHECK(IS_POWER_OF_2(64) && !IS_POWER_OF_2(0) && !IS_POWER_OF_2(6));
	CHECK_EQ(DIV_ROUND_UP(17, 8), 3);
	CHECK_EQ(DIV_ROUND_UP(16, 8), 2);
	CHECK(DIV_ROUND_UP(~0ul, 4096) == 1ul << 52);
	CHECK_EQ(ARRAY_SIZE(items), 8);
	CHECK(container_of(&items[2].link, struct item, link) == &items[2]);
}

int main(void)
{
	UNIT_RUN(test_list);
	UNIT_RUN(test_hlist);
	UNIT_RUN(test_atomic);
	UNIT_RUN(test_refcount);
	UNIT_RUN(test_bits);
	UNIT_RUN(test_macros);
	return unit_end();
}

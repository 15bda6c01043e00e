/* SPDX-License-Identifier: MIT */
/*
 * Look-ups in the kernel command line. The line is short and looked at a
 * dozen times during start-up, so each look-up simply walks it.
 */
#include "kernel/lib/cmdline.h"

#include "compiler.h"
#include "errno.h"
#include "kernel/lib/string.h"

struct cmdline_word {
	const char *key;
	size_t key_len;
	const char *value;	/* NULL: a flag */
	size_t value_len;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* The end of the word at @p: the first blank outside of double quotes. */
static const char *word_end(const char *p)
{
	bool quoted = false;

	for (; *p && (quoted || !is_blank(*p)); p++) {
		if (*p == '"')
			quoted = !quoted;
	}
	return p;
}

static const char *find_char(const char *p, const char *end, char c)
{
	const char *hit = memchr(p, c, end - p);

	return hit ? hit : end;
}

/* Takes the next word off *@line; false at the end or at "--". */
static bool cmdline_next(const char **line, struct cmdline_word *w)
{
	const char *p = *line, *end, *equals;

	while (is_blank(*p))
		p++;
	if (!*p)
		return false;
	end = word_end(p);
	*line = end;
	if (end - p == 2 && p[0] == '-' && p[1] == '-')
		return false;

	/* Quotes around the word, or else around the value. */
	if (*p == '"') {
		p++;
		if (end > p && end[-1] == '"')
			end--;
	}
	equals = find_char(p, end, '=');
	w->key = p;
	w->key_len = equals - p;
	w->value = NULL;
	w->value_len = 0;
	if (equals < end) {
		p = equals + 1;
		if (p < end && *p == '"') {
			p++;
			if (end > p && end[-1] == '"')
				end--;
		}
		w->value = p;
		w->value_len = end - p;
	}
	return true;
}

static bool word_is(const struct cmdline_word *w, const char *key)
{
	return w->key_len == strlen(key) &&
	       memcmp(w->key, key, w->key_len) == 0;
}

bool cmdline_has(const char *line, const char *flag)
{
	struct cmdline_word w;

	while (cmdline_next(&line, &w)) {
		if (!w.value && word_is(&w, flag))
			return true;
	}
	return false;
}

ssize_t cmdline_get(const char *line, const char *key, char *out, size_t size)
{
	struct cmdline_word w, last = { .value = NULL };

	if (size > 0)
		out[0] = '\0';
	while (cmdline_next(&line, &w)) {
		if (w.value && word_is(&w, key))
			last = w;
	}
	if (!last.value)
		return -ENOENT;
	if (last.value_len >= size)
		return -ERANGE;
	memcpy(out, last.value, last.value_len);
	out[last.value_len] = '\0';
	return (ssize_t)last.value_len;
}

u64 cmdline_get_u64(const char *line, const char *key, u64 otherwise)
{
	char text[32];
	const char *end;
	u64 value;

	if (cmdline_get(line, key, text, sizeof(text)) <= 0)
		return otherwise;
	if (str_to_u64(text, &end, 0, &value) || *end)
		return otherwise;
	return value;
}

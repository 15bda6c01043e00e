/* SPDX-License-Identifier: MIT */
/*
 * vsnprintf and nothing else; printk and the text files of procfs format
 * through it. It takes no locks, allocates nothing and uses about 150 bytes of
 * stack, so that panic can call it in any state.
 *
 * A conversion goes through three steps: fmt_parse_spec reads flags, width,
 * precision and length; fmt_fetch takes the argument with the type that the
 * length demands; fmt_number or fmt_text writes it.
 */
#include "kernel/lib/fmt.h"

#include "kernel/lib/string.h"

struct fmt_out {
	char *buf;
	size_t size;
	size_t len;		/* of the whole text, also what did not fit */
};

struct fmt_spec {
	bool left;		/* - */
	bool plus;		/* + */
	bool space;		/* blank in the place of a plus sign */
	bool alt;		/* # */
	bool zero;		/* 0 */
	int width;
	int precision;		/* -1: none given */
	int length;		/* size of the argument in bytes */
	char conv;
};

/* The longest number is a u64 in octal, with 22 digits. */
#define FMT_DIGITS_MAX	22

static void fmt_put(struct fmt_out *o, char c)
{
	if (o->len < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void fmt_fill(struct fmt_out *o, char c, int n)
{
	for (; n > 0; n--)
		fmt_put(o, c);
}

static void fmt_write(struct fmt_out *o, const char *s, size_t n)
{
	if (o->len < o->size)
		memcpy(o->buf + o->len, s, min(n, o->size - o->len));
	o->len += n;
}

static const char *fmt_parse_number(const char *f, va_list *ap, int *out)
{
	if (*f == '*') {
		*out = va_arg(*ap, int);
		return f + 1;
	}
	*out = 0;
	for (; *f >= '0' && *f <= '9'; f++)
		*out = *out * 10 + (*f - '0');
	return f;
}

static const char *fmt_parse_flags(const char *f, struct fmt_spec *s)
{
	for (;; f++) {
		switch (*f) {
		case '-':
			s->left = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '#':
			s->alt = true;
			break;
		case '0':
			s->zero = true;
			break;
		default:
			return f;
		}
	}
}

static const char *fmt_parse_length(const char *f, struct fmt_spec *s)
{
	s->length = sizeof(int);
	if (*f == 'h') {
		f++;
		s->length = sizeof(short);
		if (*f == 'h') {
			f++;
			s->length = sizeof(char);
		}
	} else if (*f == 'l') {
		f += f[1] == 'l' ? 2 : 1;
		s->length = sizeof(long);
	} else if (*f == 'z') {
		f++;
		s->length = sizeof(size_t);
	}
	return f;
}

/* @f is behind the %; returns where the text goes on. */
static const char *fmt_parse_spec(const char *f, va_list *ap,
				  struct fmt_spec *s)
{
	*s = (struct fmt_spec){ .precision = -1 };
	f = fmt_parse_flags(f, s);
	f = fmt_parse_number(f, ap, &s->width);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*f == '.') {
		f = fmt_parse_number(f + 1, ap, &s->precision);
		if (s->precision < 0)
			s->precision = -1;
	}
	f = fmt_parse_length(f, s);
	s->conv = *f;
	return *f ? f + 1 : f;
}

/* The next argument, sign- or zero-extended from the length of @s. */
static u64 fmt_fetch(const struct fmt_spec *s, va_list *ap)
{
	bool is_signed = s->conv == 'd' || s->conv == 'i';
	u64 v;

	if (s->length == sizeof(long))
		return va_arg(*ap, u64);
	v = va_arg(*ap, unsigned int);
	switch (s->length) {
	case sizeof(char):
		return is_signed ? (u64)(s64)(signed char)v : (u8)v;
	case sizeof(short):
		return is_signed ? (u64)(s64)(short)v : (u16)v;
	default:
		return is_signed ? (u64)(s64)(int)v : v;
	}
}

/* Writes the digits of @v before @end and returns the first one. */
static char *fmt_digits(char *end, u64 v, unsigned int base, bool upper)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";

	for (; v != 0; v /= base)
		*--end = digits[v % base];
	return end;
}

/* @sign is the text in front of the digits: a sign, 0x, or nothing. */
static void fmt_number(struct fmt_out *o, const struct fmt_spec *s,
		       const char *sign, u64 v, unsigned int base)
{
	char digits[FMT_DIGITS_MAX];
	char *end = digits + sizeof(digits);
	char *p = fmt_digits(end, v, base, s->conv == 'X');
	int ndigits = end - p;
	int nsign = strlen(sign);
	int zeros = max(s->precision < 0 ? 1 : s->precision, ndigits) - ndigits;
	int pad;

	if (s->conv == 'o' && s->alt && zeros == 0 && (v != 0 || !ndigits))
		zeros = 1;
	pad = s->width - nsign - zeros - ndigits;
	if (s->zero && !s->left && s->precision < 0 && pad > 0) {
		zeros += pad;
		pad = 0;
	}
	if (!s->left)
		fmt_fill(o, ' ', pad);
	fmt_write(o, sign, nsign);
	fmt_fill(o, '0', zeros);
	fmt_write(o, p, ndigits);
	if (s->left)
		fmt_fill(o, ' ', pad);
}

static void fmt_signed(struct fmt_out *o, const struct fmt_spec *s, s64 v)
{
	const char *sign = v < 0 ? "-" : s->plus ? "+" : s->space ? " " : "";

	fmt_number(o, s, sign, v < 0 ? -(u64)v : (u64)v, 10);
}

static void fmt_unsigned(struct fmt_out *o, const struct fmt_spec *s, u64 v)
{
	switch (s->conv) {
	case 'x':
		fmt_number(o, s, s->alt && v ? "0x" : "", v, 16);
		break;
	case 'X':
		fmt_number(o, s, s->alt && v ? "0X" : "", v, 16);
		break;
	case 'o':
		fmt_number(o, s, "", v, 8);
		break;
	default:
		fmt_number(o, s, "", v, 10);
		break;
	}
}

static void fmt_text(struct fmt_out *o, const struct fmt_spec *s,
		     const char *text, size_t len)
{
	int pad = len < (size_t)s->width ? s->width - (int)len : 0;

	if (!s->left)
		fmt_fill(o, ' ', pad);
	fmt_write(o, text, len);
	if (s->left)
		fmt_fill(o, ' ', pad);
}

static void fmt_string(struct fmt_out *o, const struct fmt_spec *s,
		       const char *text)
{
	if (!text)
		text = "(null)";
	fmt_text(o, s, text, s->precision < 0 ? strlen(text) :
		 strnlen(text, s->precision));
}

/* Returns false for a conversion that does not exist. */
static bool fmt_convert(struct fmt_out *o, const struct fmt_spec *s,
			va_list *ap)
{
	char c;

	switch (s->conv) {
	case 'd':
	case 'i':
		fmt_signed(o, s, (s64)fmt_fetch(s, ap));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		fmt_unsigned(o, s, fmt_fetch(s, ap));
		return true;
	case 'p':
		fmt_number(o, s, "0x", (uintptr_t)va_arg(*ap, void *), 16);
		return true;
	case 'c':
		c = (char)va_arg(*ap, int);
		fmt_text(o, s, &c, 1);
		return true;
	case 's':
		fmt_string(o, s, va_arg(*ap, const char *));
		return true;
	case '%':
		fmt_put(o, '%');
		return true;
	default:
		return false;
	}
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct fmt_out o = { .buf = buf, .size = size };
	struct fmt_spec s;
	va_list args;

	va_copy(args, ap);
	while (*fmt) {
		const char *start = fmt;

		while (*fmt && *fmt != '%')
			fmt++;
		fmt_write(&o, start, fmt - start);
		if (!*fmt)
			break;
		start = fmt;
		fmt = fmt_parse_spec(fmt + 1, &args, &s);
		if (!fmt_convert(&o, &s, &args))
			fmt_write(&o, start, fmt - start);
	}
	va_end(args);
	if (size > 0)
		buf[min(o.len, size - 1)] = '\0';
	return (int)o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int len;

	va_start(ap, fmt);
	len = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return len;
}

/* SPDX-License-Identifier: MIT */
/*
 * report.c - from samples to figures, and the figures' two forms.
 *
 * The text has a line a row. The JSON is an object whose "rows" stand on lines
 * of their own, so that output that was cut short can still be read. Samples
 * arrive as clock units for one operation: nanoseconds or ticks. Rows that move
 * bytes become MB/s (10^6 bytes), but stay what they are in ticks.
 */
#include "bench.h"

#include <stdio.h>
#include <stdlib.h>

static int rows;		/* written so far */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* The value at @quarter quarters of the sorted samples. */
static double quartile(const double *v, int count, int quarter)
{
	double at = (double)(count - 1) * quarter / 4;
	int i = (int)at;

	if (i + 1 >= count)
		return v[count - 1];
	return v[i] + (v[i + 1] - v[i]) * (at - i);
}

void report_begin(bool json, const char *clock)
{
	if (json)
		printf("{\"clock\": \"%s\", \"rows\": [\n", clock);
	else
		printf("%-44s %12s %12s %7s  %s\n", "", "median", "best",
		       "spread", "unit");
}

static void report_json(const struct bench *b, const struct result *res,
			const char *unit, bool higher)
{
	int i;

	printf("%s{\"name\": \"%s\", \"unit\": \"%s\", \"better\": \"%s\", ",
	       rows ? ",\n" : "", b->name, unit, higher ? "higher" : "lower");
	if (res->count == 0) {
		printf("\"note\": \"%s\"}", res->note);
		return;
	}
	printf("\"n\": %ld, \"samples\": [", res->n);
	for (i = 0; i < res->count; i++)
		printf("%s%.6g", i ? ", " : "", res->sample[i]);
	printf("]}");
}

void report_row(bool json, bool ticks, const struct bench *b,
		struct result *res)
{
	bool higher = b->bytes != 0 && !ticks;
	const char *unit = ticks ? "ticks" : higher ? "MB/s" : "ns";
	double *v = res->sample, median;
	int i, n = res->count;

	for (i = 0; i < n && higher; i++)
		v[i] = v[i] > 0 ? (double)b->bytes * 1000 / v[i] : 0;
	if (n > 0)
		qsort(v, (size_t)n, sizeof(*v), compare);
	if (json) {
		report_json(b, res, unit, higher);
	} else if (n == 0) {
		printf("%-44s %s\n", b->name, res->note);
	} else {
		median = quartile(v, n, 2);
		printf("%-44s %12.1f %12.1f %6.1f%%  %s\n", b->name, median,
		       higher ? v[n - 1] : v[0], median > 0 ? 100 *
		       (quartile(v, n, 3) - quartile(v, n, 1)) / median : 0,
		       unit);
	}
	rows++;
}

void report_end(bool json)
{
	if (json)
		printf("\n]}\n");
	fflush(stdout);
}

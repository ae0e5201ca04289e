/*
 * posewire.h: receives posewire's packets on a microcontroller or a computer.
 *
 * In: the bytes of datagrams, or of a serial line. Out: one event for each packet, and a decoded view of it. C99,
 * no heap, no dependencies but memcpy, memcmp and memset. The caller owns all memory: one struct pw_receiver, of a
 * fixed size. No bytes make it read or write outside of its buffers, and each call takes a bounded time.
 *
 * docs/wire.md describes the format. Coordinates are pixels of the source frame: (0, 0) is the centre of the
 * top-left pixel, x points right, y down.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef POSEWIRE_H
#define POSEWIRE_H

#include <stddef.h>
#include <stdint.h>

/* Set to 0 for a smaller build that cannot check seals. The same value in every file. */
#ifndef POSEWIRE_SEAL
#define POSEWIRE_SEAL 1
#endif

/* Number of streams (the senders' --instance) that one receiver remembers: 24 bytes each, 64 with seals. */
#ifndef POSEWIRE_STREAMS
#define POSEWIRE_STREAMS 4
#endif

#define PW_MAX_PACKET_BYTES 440
#define PW_SEAL_BYTES 32
#define PW_KEY_BYTES 32
#define PW_MAX_KEYPOINTS 64

#if POSEWIRE_SEAL
#define PW_LINE_BYTES (PW_MAX_PACKET_BYTES + PW_SEAL_BYTES + 2)
#else
#define PW_LINE_BYTES (PW_MAX_PACKET_BYTES + 2)
#endif

#ifdef __cplusplus
extern "C" {
#endif

enum pw_kind { PW_KEYPOINTS = 1, PW_HEARTBEAT = 2, PW_STATS = 3, PW_INSTANCES = 4 };

enum pw_flag {
    PW_TRACKING = 1 << 0,
    PW_LOST = 1 << 1,     /* nothing was found: do not act */
    PW_STALE = 1 << 2,    /* the frame was too old: do not act */
    PW_MIRRORED = 1 << 3,
    PW_NO_CAMERA = 1 << 4,
    PW_LAST = 1 << 5      /* the sender stops */
};

enum pw_event {
    PW_NOTHING,         /* no whole packet yet (serial lines only) */
    PW_PACKET,          /* a packet. Whether to act: pw_may_act, pw_may_act_on */
    PW_LEARNED,         /* a sealed packet within 1 s of the start. Do not act */
    PW_UNKNOWN,         /* a packet of a kind that this version does not know */
    PW_INVALID,         /* not a packet, or not sealed with the key */
    PW_REFUSED_OLD,     /* sealed, but not newer than the last one: a recording, or a second copy */
    PW_REFUSED_SESSION, /* sealed, but of a second sender with this key and instance */
    PW_REFUSED_LATE,    /* sealed, but held back on the way */
    PW_REFUSED_ORDER,   /* sealed, but the sender's starts have no order */
    PW_NO_ROOM          /* of more streams than POSEWIRE_STREAMS */
};

/* A packet's header. The body stays in the receiver's buffer or in the caller's datagram. */
struct pw_packet {
    uint64_t captured_mono_us; /* the sender's CLOCK_MONOTONIC at capture */
    uint64_t captured_wall_us; /* the same moment in Unix time */
    uint32_t session;
    uint32_t sequence;
    uint32_t age_us; /* from capture to sending. UINT32_MAX: longer, or no frame yet */
    uint32_t frame_index;
    uint16_t flags;
    uint16_t frame_width_px;
    uint16_t frame_height_px;
    uint16_t score; /* unit 1/32768 */
    uint8_t kind;
    uint8_t task;          /* 1 hand, 2 body */
    uint8_t joint_table;   /* 1 InterHand2.6M, 2 MPII, 255 another */
    uint8_t fraction_bits; /* n: the unit of a coordinate is 1/2^n pixel */
    uint8_t instance;
    uint8_t count; /* keypoints of a PW_KEYPOINTS packet */
    const uint8_t *body;
    size_t body_bytes;
};

struct pw_keypoint {
    int16_t x; /* unit 1/2^fraction_bits pixel */
    int16_t y;
    uint16_t score; /* unit 1/32768 */
    uint8_t is_found;
    uint8_t is_held; /* an instance's joint: uncertain now, the position is an earlier one */
};

/* One hand or body of a PW_INSTANCES packet. */
struct pw_instance {
    uint16_t number; /* the same number is the same instance */
    uint16_t parent; /* the body of a hand, or 0 */
    uint8_t slot;
    uint8_t task;
    uint8_t state; /* 1 tracked, 2 predicted, 3 lost */
    uint8_t side;  /* 0 not known, 1 left, 2 right */
    uint16_t flags;
    uint16_t seen_ds;
    uint16_t look_age_ms;
    int16_t centre_x;
    int16_t centre_y;
    uint16_t region_side;
    uint8_t presence;
    uint8_t side_score;
    uint8_t joint_table;
    uint8_t joints;
    const uint8_t *joint_bytes;
};

/* The frame's counts in a PW_INSTANCES packet. */
struct pw_part {
    uint8_t confirmed;
    uint8_t waiting;
    uint8_t part;
    uint8_t parts;
};

struct pw_stage {
    uint32_t count, median_us, p99_us, max_us;
};

/* The sender's figures. UINT32_MAX and INT16_MIN: not known. */
struct pw_stats {
    uint32_t uptime_s, period_ms, frames, found, failed, heartbeats, dropped, skipped, passed_over, lost, reopened,
        heap_bytes, heap_most_bytes, allocations, resident_kib, processor_ms;
    struct pw_stage source, crop, infer, decode, send, age;
    int16_t hottest_decicelsius;
};

/* What a receiver counts. `lost` falls when a late packet comes. */
struct pw_counts {
    uint32_t lost;
    uint32_t late;
    uint32_t repeated;
    uint32_t sessions;
    uint32_t invalid;
    uint32_t refused;
};

/* Internal: a stream's newest packet. */
struct pw_stream {
    uint64_t missing;
#if POSEWIRE_SEAL
    uint64_t epoch, sent_us, base_at_us, base_us;
    uint32_t sealed_session;
    uint8_t is_sealed;
#endif
    uint32_t session;
    uint32_t sequence;
    uint8_t instance;
    uint8_t is_used;
};

/* A receiver. Fields other than `counts` and `heard_us` are internal. */
struct pw_receiver {
    struct pw_counts counts;
    uint64_t heard_us; /* time of the last packet that passed, whatever its kind */
    uint64_t started_us;
    struct pw_stream streams[POSEWIRE_STREAMS];
#if POSEWIRE_SEAL
    uint32_t inner[8], outer[8]; /* HMAC's two hash states after the key */
    uint8_t has_key;
#endif
    uint8_t line_state;
    uint16_t line_bytes;
    uint8_t line[PW_LINE_BYTES];
};

/* Begins. `now_us` is the time on a clock that never jumps, in microseconds; so it is in all other calls. Without a
 * key every valid packet passes: on a network, any host can send them. */
void pw_begin(struct pw_receiver *receiver, uint64_t now_us);

#if POSEWIRE_SEAL
/* Begins with a key of 32 bytes: only new packets that are sealed with it pass, from 1 s after now_us on. */
void pw_begin_sealed(struct pw_receiver *receiver, const uint8_t key[PW_KEY_BYTES], uint64_t now_us);
#endif

/* Takes one datagram. After PW_PACKET `packet` is filled; its body points into `bytes`. */
enum pw_event pw_datagram(struct pw_receiver *receiver, const uint8_t *bytes, size_t length, uint64_t now_us,
                          struct pw_packet *packet);

/* Takes one byte of a serial line. After PW_PACKET `packet` is filled; its body stays valid until the next call. */
enum pw_event pw_byte(struct pw_receiver *receiver, uint8_t byte, uint64_t now_us, struct pw_packet *packet);

/* 1 if no packet has passed for longer than `limit_us`: stop the robot. Give the sender's heartbeat interval (100 ms)
 * and a margin. */
int pw_is_silent(const struct pw_receiver *receiver, uint64_t now_us, uint32_t limit_us);

/* 1 if a robot may act on the keypoints of this packet: its kind is PW_KEYPOINTS, something was found, and the frame
 * is fresh. */
int pw_may_act(const struct pw_packet *packet);

/* Keypoint `index` of a PW_KEYPOINTS packet. 0 if there is none. */
int pw_get_keypoint(const struct pw_packet *packet, size_t index, struct pw_keypoint *keypoint);

/* The counts of a PW_INSTANCES packet. 0 for other kinds. */
int pw_get_part(const struct pw_packet *packet, struct pw_part *part);

/* The next instance of a PW_INSTANCES packet; `*at` is 0 before the first call. 0 after the last instance. */
int pw_next_instance(const struct pw_packet *packet, size_t *at, struct pw_instance *instance);

/* Joint `index` of an instance. 0 if there is none. */
int pw_get_joint(const struct pw_instance *instance, size_t index, struct pw_keypoint *joint);

/* 1 if a robot may act on this instance: the network saw it, and its age is at most `limit_us`. */
int pw_may_act_on(const struct pw_packet *packet, const struct pw_instance *instance, uint32_t limit_us);

/* The figures of a PW_STATS packet. 0 for other kinds. */
int pw_get_stats(const struct pw_packet *packet, struct pw_stats *stats);

/* A coordinate in pixels. */
float pw_px(const struct pw_packet *packet, int16_t coordinate);

#ifdef __cplusplus
}
#endif
#endif

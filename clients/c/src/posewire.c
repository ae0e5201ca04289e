/*
 * posewire.c: see posewire.h. The rules are those of docs/wire.md.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "posewire.h"

#include <string.h>

enum {
    HEADER_BYTES = 52,
    KEYPOINT_BYTES = 6,
    CRC_BYTES = 4,
    SMALLEST_PACKET_BYTES = HEADER_BYTES + CRC_BYTES,
    PART_BYTES = 6,
    INSTANCE_BYTES = 24,
    MAX_JOINTS = 59,
    STATS_COUNT = 27,
    VERSION_1 = 1,
    VERSION_2 = 2,
    NOT_FOUND = -32768
};

enum line_state { LINE_SKIPPING, LINE_COLLECTING, LINE_COMPLETE };

static uint16_t u16(const uint8_t *bytes) { return (uint16_t)(bytes[0] | bytes[1] << 8); }

static int16_t i16(const uint8_t *bytes) {
    int32_t value = u16(bytes);
    return (int16_t)(value < 32768 ? value : value - 65536);
}

static uint32_t u32(const uint8_t *bytes) { return u16(bytes) | (uint32_t)u16(bytes + 2) << 16; }

static uint64_t u64(const uint8_t *bytes) { return u32(bytes) | (uint64_t)u32(bytes + 4) << 32; }

/* ---- One packet ---- */

/* CRC-32 (ISO-HDLC) with a table of 16 entries: four times as fast as bit by bit, for 64 bytes. */
static uint32_t crc32(const uint8_t *bytes, size_t length) {
    static const uint32_t table[16] = {
        0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac, 0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
        0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c, 0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    uint32_t crc = 0xffffffff;
    while (length--) {
        crc ^= *bytes++;
        crc = crc >> 4 ^ table[crc & 15];
        crc = crc >> 4 ^ table[crc & 15];
    }
    return ~crc;
}

/* True if the body has only whole instances, each with a number, and its part number is possible. */
static int instances_are_whole(const uint8_t *body, size_t length) {
    size_t at = PART_BYTES;
    if (length < PART_BYTES || body[2] >= body[3]) return 0;
    while (at < length) {
        size_t joints;
        if (length - at < INSTANCE_BYTES || u16(body + at) == 0) return 0;
        joints = body[at + 23];
        at += INSTANCE_BYTES;
        if (joints > MAX_JOINTS || length - at < KEYPOINT_BYTES * joints) return 0;
        at += KEYPOINT_BYTES * joints;
    }
    return 1;
}

/* PW_PACKET, PW_UNKNOWN or PW_INVALID. After the first two `packet` is filled. */
static enum pw_event read_packet(const uint8_t *bytes, size_t length, struct pw_packet *packet) {
    size_t end;
    if (length < SMALLEST_PACKET_BYTES || length > PW_MAX_PACKET_BYTES) return PW_INVALID;
    end = length - CRC_BYTES;
    if (memcmp(bytes, "PWIR", 4) != 0) return PW_INVALID;
    if (bytes[4] != VERSION_1 && bytes[4] != VERSION_2) return PW_INVALID;
    if (end != HEADER_BYTES + KEYPOINT_BYTES * (size_t)bytes[49]) return PW_INVALID;
    if (crc32(bytes, end) != u32(bytes + end)) return PW_INVALID;
    packet->kind = bytes[5];
    packet->flags = u16(bytes + 6);
    packet->session = u32(bytes + 8);
    packet->sequence = u32(bytes + 12);
    packet->captured_mono_us = u64(bytes + 16);
    packet->captured_wall_us = u64(bytes + 24);
    packet->age_us = u32(bytes + 32);
    packet->frame_index = u32(bytes + 36);
    packet->frame_width_px = u16(bytes + 40);
    packet->frame_height_px = u16(bytes + 42);
    packet->task = bytes[44];
    packet->joint_table = bytes[45];
    packet->fraction_bits = bytes[47];
    packet->instance = bytes[48];
    packet->count = packet->kind == PW_KEYPOINTS ? bytes[49] : 0;
    packet->score = u16(bytes + 50);
    packet->body = bytes + HEADER_BYTES;
    packet->body_bytes = end - HEADER_BYTES;
    if (packet->kind < PW_KEYPOINTS || packet->kind > PW_INSTANCES) return PW_UNKNOWN;
    if (bytes[46] != 1 || packet->fraction_bits > 15) return PW_INVALID;
    if (packet->kind == PW_HEARTBEAT && bytes[49] != 0) return PW_INVALID;
    if (packet->kind == PW_STATS && bytes[49] < STATS_COUNT) return PW_INVALID;
    if (packet->kind == PW_INSTANCES && !instances_are_whole(packet->body, packet->body_bytes)) return PW_INVALID;
    return PW_PACKET;
}

static void read_keypoint(const uint8_t *bytes, struct pw_keypoint *keypoint) {
    keypoint->x = i16(bytes);
    keypoint->y = i16(bytes + 2);
    keypoint->score = u16(bytes + 4);
    keypoint->is_found = keypoint->x != NOT_FOUND;
    keypoint->is_held = 0;
}

int pw_may_act(const struct pw_packet *packet) {
    return packet->kind == PW_KEYPOINTS && (packet->flags & (PW_LOST | PW_STALE)) == 0;
}

int pw_get_keypoint(const struct pw_packet *packet, size_t index, struct pw_keypoint *keypoint) {
    if (packet->kind != PW_KEYPOINTS || index >= packet->count) return 0;
    read_keypoint(packet->body + KEYPOINT_BYTES * index, keypoint);
    return 1;
}

int pw_get_part(const struct pw_packet *packet, struct pw_part *part) {
    if (packet->kind != PW_INSTANCES) return 0;
    part->confirmed = packet->body[0];
    part->waiting = packet->body[1];
    part->part = packet->body[2];
    part->parts = packet->body[3];
    return 1;
}

int pw_next_instance(const struct pw_packet *packet, size_t *at, struct pw_instance *instance) {
    const uint8_t *head;
    if (packet->kind != PW_INSTANCES) return 0;
    if (*at == 0) *at = PART_BYTES;
    if (*at >= packet->body_bytes) return 0;
    /* The body was checked: a whole instance begins here. */
    head = packet->body + *at;
    instance->number = u16(head);
    instance->parent = u16(head + 2);
    instance->slot = head[4];
    instance->task = head[5];
    instance->state = head[6];
    instance->side = head[7];
    instance->flags = u16(head + 8);
    instance->seen_ds = u16(head + 10);
    instance->look_age_ms = u16(head + 12);
    instance->centre_x = i16(head + 14);
    instance->centre_y = i16(head + 16);
    instance->region_side = u16(head + 18);
    instance->presence = head[20];
    instance->side_score = head[21];
    instance->joint_table = head[22];
    instance->joints = head[23];
    instance->joint_bytes = head + INSTANCE_BYTES;
    *at += INSTANCE_BYTES + KEYPOINT_BYTES * (size_t)instance->joints;
    return 1;
}

int pw_get_joint(const struct pw_instance *instance, size_t index, struct pw_keypoint *joint) {
    if (index >= instance->joints) return 0;
    read_keypoint(instance->joint_bytes + KEYPOINT_BYTES * index, joint);
    joint->is_held = (uint8_t)(joint->score >> 15);
    joint->score &= 0x7fff;
    return 1;
}

int pw_may_act_on(const struct pw_packet *packet, const struct pw_instance *instance, uint32_t limit_us) {
    uint64_t age_us = (uint64_t)packet->age_us + 1000 * (uint64_t)instance->look_age_ms;
    return instance->state == 1 && (packet->flags & PW_STALE) == 0 && age_us <= limit_us;
}

int pw_get_stats(const struct pw_packet *packet, struct pw_stats *stats) {
    uint32_t *const figures[] = {
        &stats->uptime_s, &stats->period_ms, &stats->frames, &stats->found, &stats->failed, &stats->heartbeats,
        &stats->dropped, &stats->skipped, &stats->passed_over, &stats->lost, &stats->reopened, &stats->heap_bytes,
        &stats->heap_most_bytes, &stats->allocations, &stats->resident_kib, &stats->processor_ms};
    struct pw_stage *const stages[] = {&stats->source, &stats->crop, &stats->infer,
                                       &stats->decode, &stats->send, &stats->age};
    const uint8_t *at = packet->body;
    size_t index;
    if (packet->kind != PW_STATS) return 0;
    for (index = 0; index < sizeof figures / sizeof figures[0]; index++, at += 4) *figures[index] = u32(at);
    for (index = 0; index < sizeof stages / sizeof stages[0]; index++, at += 16) {
        stages[index]->count = u32(at);
        stages[index]->median_us = u32(at + 4);
        stages[index]->p99_us = u32(at + 8);
        stages[index]->max_us = u32(at + 12);
    }
    stats->hottest_decicelsius = i16(at);
    return 1;
}

float pw_px(const struct pw_packet *packet, int16_t coordinate) {
    return (float)coordinate / (float)(1 << packet->fraction_bits);
}

/* ---- Seals: HMAC-SHA-256 (RFC 2104, FIPS 180-4) ---- */

#if POSEWIRE_SEAL

enum { BLOCK_BYTES = 64, TAG_BYTES = 16 };

static uint32_t rotated(uint32_t word, unsigned bits) { return word >> bits | word << (32 - bits); }

static void sha256_begin(uint32_t state[8]) {
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(state, start, sizeof start);
}

static void sha256_block(uint32_t state[8], const uint8_t block[BLOCK_BYTES]) {
    static const uint32_t constants[64] = {
        0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
        0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
        0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
        0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
        0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
        0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
        0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
        0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
    uint32_t schedule[16], work[8];
    unsigned round;
    memcpy(work, state, sizeof work);
    for (round = 0; round < 64; round++) {
        uint32_t *word = &schedule[round & 15];
        uint32_t a = work[0], e = work[4], first, second;
        if (round < 16) {
            const uint8_t *bytes = block + 4 * round;
            *word = (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
        } else {
            uint32_t near = schedule[(round + 14) & 15], far = schedule[(round + 1) & 15];
            *word += (rotated(near, 17) ^ rotated(near, 19) ^ near >> 10) + schedule[(round + 9) & 15] +
                     (rotated(far, 7) ^ rotated(far, 18) ^ far >> 3);
        }
        first = work[7] + (rotated(e, 6) ^ rotated(e, 11) ^ rotated(e, 25)) + ((e & work[5]) ^ (~e & work[6])) +
                constants[round] + *word;
        second = (rotated(a, 2) ^ rotated(a, 13) ^ rotated(a, 22)) +
                 ((a & work[1]) ^ (a & work[2]) ^ (work[1] & work[2]));
        memmove(work + 1, work, 7 * sizeof work[0]);
        work[4] += first;
        work[0] = first + second;
    }
    for (round = 0; round < 8; round++) state[round] += work[round];
}

/* Ends a hash of `before` bytes in `state` (whole blocks) and of these. */
static void sha256_end(uint32_t state[8], size_t before, const uint8_t *bytes, size_t length) {
    uint8_t block[BLOCK_BYTES];
    uint64_t bits = 8 * (uint64_t)(before + length);
    unsigned index;
    for (; length >= BLOCK_BYTES; bytes += BLOCK_BYTES, length -= BLOCK_BYTES) sha256_block(state, bytes);
    memset(block, 0, sizeof block);
    memcpy(block, bytes, length);
    block[length] = 0x80;
    if (length >= BLOCK_BYTES - 8) {
        sha256_block(state, block);
        memset(block, 0, sizeof block);
    }
    for (index = 0; index < 8; index++) block[BLOCK_BYTES - 1 - index] = (uint8_t)(bits >> 8 * index);
    sha256_block(state, block);
}

static void put_words(uint8_t *bytes, const uint32_t *words, size_t count) {
    size_t index;
    for (index = 0; index < 4 * count; index++) bytes[index] = (uint8_t)(words[index / 4] >> (24 - 8 * (index % 4)));
}

static void key_state(uint32_t state[8], const uint8_t key[PW_KEY_BYTES], uint8_t pad) {
    uint8_t block[BLOCK_BYTES];
    size_t index;
    memset(block, pad, sizeof block);
    for (index = 0; index < PW_KEY_BYTES; index++) block[index] ^= key[index];
    sha256_begin(state);
    sha256_block(state, block);
}

/* True if the last 16 bytes are the tag of those before. The time does not depend on the tag. */
static int tag_fits(const struct pw_receiver *receiver, const uint8_t *sealed, size_t length) {
    uint32_t state[8];
    uint8_t digest[32], difference = 0;
    size_t index;
    memcpy(state, receiver->inner, sizeof state);
    sha256_end(state, BLOCK_BYTES, sealed, length - TAG_BYTES);
    put_words(digest, state, 8);
    memcpy(state, receiver->outer, sizeof state);
    sha256_end(state, BLOCK_BYTES, digest, sizeof digest);
    put_words(digest, state, 8);
    for (index = 0; index < TAG_BYTES; index++) difference |= digest[index] ^ sealed[length - TAG_BYTES + index];
    return difference == 0;
}

/* PW_PACKET if the packet is newer than all of its stream. Refused ones change nothing. */
static enum pw_event in_order(struct pw_receiver *receiver, struct pw_stream *stream, const struct pw_packet *packet,
                              uint64_t epoch, uint64_t sent_us, uint64_t now_us) {
    /* The two clocks have different zeros: delays are compared modulo 2^64, by their signed difference. */
    uint64_t base_us = now_us - sent_us, base_at_us = now_us;
    if (epoch == 0) return PW_REFUSED_ORDER;
    if (stream->is_sealed) {
        if (epoch < stream->epoch) return PW_REFUSED_OLD;
        if (epoch == stream->epoch) {
            int64_t late_us;
            if (packet->session != stream->sealed_session) return PW_REFUSED_SESSION;
            if (sent_us <= stream->sent_us) return PW_REFUSED_OLD;
            late_us = (int64_t)(base_us - stream->base_us - (now_us - stream->base_at_us) / 5000);
            if (late_us > 500000) return PW_REFUSED_LATE;
            if (late_us >= 0) {
                base_us = stream->base_us;
                base_at_us = stream->base_at_us;
            }
        }
    }
    stream->epoch = epoch;
    stream->sent_us = sent_us;
    stream->base_us = base_us;
    stream->base_at_us = base_at_us;
    stream->sealed_session = packet->session;
    stream->is_sealed = 1;
    return now_us - receiver->started_us < 1000000 ? PW_LEARNED : PW_PACKET;
}

void pw_begin_sealed(struct pw_receiver *receiver, const uint8_t key[PW_KEY_BYTES], uint64_t now_us) {
    pw_begin(receiver, now_us);
    key_state(receiver->inner, key, 0x36);
    key_state(receiver->outer, key, 0x5c);
    receiver->has_key = 1;
}

#endif

/* ---- A receiver ---- */

void pw_begin(struct pw_receiver *receiver, uint64_t now_us) {
    memset(receiver, 0, sizeof *receiver);
    receiver->started_us = now_us;
    receiver->heard_us = now_us;
}

int pw_is_silent(const struct pw_receiver *receiver, uint64_t now_us, uint32_t limit_us) {
    return now_us - receiver->heard_us > limit_us;
}

/* The memory of this stream, a free one, or NULL. */
static struct pw_stream *stream_of(struct pw_receiver *receiver, uint8_t instance) {
    struct pw_stream *empty = NULL;
    size_t index;
    for (index = 0; index < POSEWIRE_STREAMS; index++) {
        struct pw_stream *stream = &receiver->streams[index];
        if (stream->is_used && stream->instance == instance) return stream;
        if (!stream->is_used && empty == NULL) empty = stream;
    }
    return empty;
}

/* Counts lost, late and repeated packets. */
static void count(struct pw_counts *counts, struct pw_stream *stream, const struct pw_packet *packet) {
    uint32_t ahead = packet->sequence - stream->sequence;
    if (!stream->is_used || stream->session != packet->session) {
        stream->is_used = 1;
        stream->instance = packet->instance;
        stream->session = packet->session;
        stream->sequence = packet->sequence;
        stream->missing = 0;
        counts->sessions++;
    } else if (ahead != 0 && ahead < 0x80000000) {
        /* Bit n is set if the number n before the newest one is missing. */
        stream->missing = ahead < 64 ? stream->missing << ahead | (((uint64_t)1 << ahead) - 2) : ~(uint64_t)1;
        stream->sequence = packet->sequence;
        counts->lost += ahead - 1;
    } else {
        uint32_t behind = 0 - ahead;
        uint64_t bit = behind < 64 ? (uint64_t)1 << behind : 0;
        if (stream->missing & bit) {
            stream->missing &= ~bit;
            counts->lost--;
            counts->late++;
        } else {
            counts->repeated++;
        }
    }
}

static enum pw_event take(struct pw_receiver *receiver, const uint8_t *bytes, size_t length, uint64_t now_us,
                          struct pw_packet *packet) {
    enum pw_event read, event = PW_PACKET;
    struct pw_stream *stream;
#if POSEWIRE_SEAL
    size_t sealed = length;
    if (receiver->has_key) {
        if (length < SMALLEST_PACKET_BYTES + PW_SEAL_BYTES || length > PW_MAX_PACKET_BYTES + PW_SEAL_BYTES)
            return PW_INVALID;
        if (!tag_fits(receiver, bytes, length) || bytes[4] != VERSION_2) return PW_INVALID;
        length -= PW_SEAL_BYTES;
    }
#endif
    read = read_packet(bytes, length, packet);
    if (read == PW_INVALID) return PW_INVALID;
    stream = stream_of(receiver, packet->instance);
    if (stream == NULL) return PW_NO_ROOM;
#if POSEWIRE_SEAL
    if (receiver->has_key) {
        const uint8_t *stamp = bytes + sealed - PW_SEAL_BYTES;
        event = in_order(receiver, stream, packet, u64(stamp), u64(stamp + 8), now_us);
        if (event != PW_PACKET && event != PW_LEARNED) return event;
    }
#endif
    count(&receiver->counts, stream, packet);
    receiver->heard_us = now_us;
    return event == PW_LEARNED ? PW_LEARNED : read;
}

enum pw_event pw_datagram(struct pw_receiver *receiver, const uint8_t *bytes, size_t length, uint64_t now_us,
                          struct pw_packet *packet) {
    enum pw_event event = take(receiver, bytes, length, now_us, packet);
    if (event == PW_INVALID) receiver->counts.invalid++;
    if (event >= PW_REFUSED_OLD) receiver->counts.refused++;
    return event;
}

/* Undoes COBS in place: a packet is never longer than the bytes read so far. 0: not valid. */
static size_t unstuffed(uint8_t *bytes, size_t length) {
    size_t in = 0, out = 0;
    while (in < length) {
        size_t group = bytes[in++];
        if (in + group - 1 > length) return 0;
        memmove(bytes + out, bytes + in, group - 1);
        in += group - 1;
        out += group - 1;
        if (group < 255 && in < length) bytes[out++] = 0;
    }
    return out;
}

/* A sender's sign, which is not a frame, without its zero. */
static int is_resync(const uint8_t *bytes, size_t length) {
    return length == 4 && (bytes[0] & bytes[1] & bytes[2] & bytes[3]) == 0xff;
}

enum pw_event pw_byte(struct pw_receiver *receiver, uint8_t byte, uint64_t now_us, struct pw_packet *packet) {
    size_t length = receiver->line_bytes;
    if (receiver->line_state == LINE_COMPLETE) {
        receiver->line_state = LINE_COLLECTING;
        receiver->line_bytes = 0;
        length = 0;
    }
    if (byte == 0) {
        if (receiver->line_state == LINE_COLLECTING && length > 0 && !is_resync(receiver->line, length)) {
            receiver->line_state = LINE_COMPLETE;
            length = unstuffed(receiver->line, length);
            return pw_datagram(receiver, receiver->line, length, now_us, packet);
        }
        receiver->line_state = LINE_COLLECTING;
        receiver->line_bytes = 0;
    } else if (receiver->line_state == LINE_COLLECTING) {
        if (length < sizeof receiver->line) {
            receiver->line[receiver->line_bytes++] = byte;
        } else {
            receiver->line_state = LINE_SKIPPING;
            receiver->counts.invalid++;
            return PW_INVALID;
        }
    }
    return PW_NOTHING;
}

/*
 * Feeds random bytes to the receiver, with whole frames between them: random [MILLIONS_OF_BYTES]. Each frame must be
 * found. Build with -fsanitize=address,undefined.
 */
#include "posewire.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The heartbeat of docs/wire.md, as a frame. */
static const uint8_t frame[] = {0x08, 0x50, 0x57, 0x49, 0x52, 0x02, 0x02, 0x16, 0x02, 0x01, 0x04, 0xed,
                                0x5e, 0x08, 0x01, 0x01, 0x04, 0x4e, 0x61, 0xbc, 0x01, 0x01, 0x01, 0x01,
                                0x01, 0x07, 0x80, 0x98, 0x28, 0x17, 0x65, 0x06, 0x04, 0x5c, 0xe4, 0x0f,
                                0x02, 0x09, 0x01, 0x01, 0x09, 0x80, 0x02, 0xe0, 0x01, 0x01, 0xff, 0x01,
                                0x04, 0x01, 0x01, 0x01, 0x05, 0x54, 0x87, 0x76, 0xd0, 0x00};

static uint64_t state = 0x9e3779b97f4a7c15u;

static uint32_t next(void) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return (uint32_t)(state >> 32);
}

/* Reads everything that an event lets one read. */
static uint32_t use(const struct pw_packet *packet) {
    struct pw_keypoint joint;
    struct pw_instance instance;
    struct pw_stats stats;
    uint32_t sum = 0;
    size_t index, at = 0;
    for (index = 0; pw_get_keypoint(packet, index, &joint); index++) sum += joint.score;
    while (pw_next_instance(packet, &at, &instance))
        for (index = 0; pw_get_joint(&instance, index, &joint); index++) sum += joint.score + joint.is_held;
    if (pw_get_stats(packet, &stats)) sum += stats.age.max_us;
    return sum + (uint32_t)pw_px(packet, 1) + (uint32_t)pw_may_act(packet);
}

/* A body of random bytes behind a valid header and checksum, as a datagram. */
static size_t packet_of_chance(uint8_t *bytes) {
    size_t count = next() % 65, length = 52 + 6 * count, index;
    uint32_t crc = 0xffffffff;
    for (index = 0; index < length; index++) bytes[index] = (uint8_t)next();
    memcpy(bytes, "PWIR\2", 5);
    bytes[5] = (uint8_t)(1 + next() % 5);
    bytes[46] = 1;
    bytes[47] &= 15;
    bytes[48] &= 3;
    bytes[49] = (uint8_t)count;
    if (bytes[5] == PW_INSTANCES && count > 5) {
        bytes[54] = 0;
        bytes[55] |= 1;
        bytes[58 + 23] %= 64;
    }
    for (index = 0; index < length; index++) {
        crc ^= bytes[index];
        for (int bit = 0; bit < 8; bit++) crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
    }
    crc = ~crc;
    for (index = 0; index < 4; index++) bytes[length + index] = (uint8_t)(crc >> 8 * index);
    return length + 4;
}

int main(int count, char **arguments) {
    uint64_t bytes_left = 1000000u * (uint64_t)(count > 1 ? atoi(arguments[1]) : 10), bytes = bytes_left;
    uint32_t planted = 0, found = 0, sum = 0, of_chance = 0;
    struct pw_receiver receiver;
    struct pw_packet packet;
    pw_begin(&receiver, 0);
    while (bytes_left > 0) {
        uint32_t garbage = next() % 600, index;
        uint32_t zeros = next() % 300;
        for (index = 0; index < garbage && bytes_left > 0; index++, bytes_left--) {
            uint8_t byte = (uint8_t)next();
            if (byte == 0 && zeros > 0) byte = 1; /* long pieces too */
            if (pw_byte(&receiver, byte, 0, &packet) == PW_PACKET) sum += use(&packet);
        }
        pw_byte(&receiver, 0, 0, &packet);
        planted++;
        for (index = 0; index < sizeof frame; index++)
            if (pw_byte(&receiver, frame[index], 0, &packet) == PW_PACKET && packet.session == 0x5eed0001) {
                found++;
                sum += use(&packet);
            }
        if (next() % 4 == 0) {
            uint8_t *datagram = malloc(512);
            size_t length = packet_of_chance(datagram);
            /* Of just this length, so that a read behind it is seen. */
            datagram = realloc(datagram, length);
            if (pw_datagram(&receiver, datagram, length, 0, &packet) == PW_PACKET) {
                of_chance++;
                sum += use(&packet);
            }
            free(datagram);
        }
    }
    printf("%" PRIu64 " random bytes: %" PRIu32 " of %" PRIu32 " frames found; %" PRIu32
           " packets with bodies of chance (sum %" PRIu32 ")\n",
           bytes, found, planted, of_chance, sum);
    return found != planted;
}

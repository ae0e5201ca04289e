/*
 * Tries the receiver with clients/vectors/wire.txt: vectors FILE. Prints each difference; 0 if there is none.
 */
#include "posewire.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LINE_CHARS = 16384, EVENTS = 8, MAX_BYTES = 4096 };

static struct pw_receiver receiver;
static char said[EVENTS][LINE_CHARS];
static int said_count, compared, differences, line_number;

static void add(char *text, const char *format, ...) {
    size_t used = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + used, LINE_CHARS - used, format, arguments);
    va_end(arguments);
}

static void add_stage(char *text, const struct pw_stage *stage) {
    add(text, " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32, stage->count, stage->median_us, stage->p99_us,
        stage->max_us);
}

static void describe_packet(char *text, const struct pw_packet *packet) {
    static const char *const kinds[] = {"", "keypoints", "heartbeat", "stats", "instances"};
    struct pw_keypoint joint;
    struct pw_instance instance;
    struct pw_part part;
    struct pw_stats stats;
    size_t index, at = 0;
    add(text,
        "%s flags=%u session=%" PRIu32 " sequence=%" PRIu32 " captured_mono_us=%" PRIu64 " captured_wall_us=%" PRIu64
        " age_us=%" PRIu32 " frame_index=%" PRIu32
        " frame_width_px=%u frame_height_px=%u task=%u joint_table=%u fraction_bits=%u instance=%u score=%u",
        kinds[packet->kind], packet->flags, packet->session, packet->sequence, packet->captured_mono_us,
        packet->captured_wall_us, packet->age_us, packet->frame_index, packet->frame_width_px,
        packet->frame_height_px, packet->task, packet->joint_table, packet->fraction_bits, packet->instance,
        packet->score);
    for (index = 0; pw_get_keypoint(packet, index, &joint); index++) add(text, " %d:%d:%u", joint.x, joint.y, joint.score);
    if (pw_get_stats(packet, &stats)) {
        const uint32_t figures[] = {
            stats.uptime_s, stats.period_ms, stats.frames, stats.found, stats.failed, stats.heartbeats, stats.dropped,
            stats.skipped, stats.passed_over, stats.lost, stats.reopened, stats.heap_bytes, stats.heap_most_bytes,
            stats.allocations, stats.resident_kib, stats.processor_ms};
        for (index = 0; index < sizeof figures / sizeof figures[0]; index++) add(text, " %" PRIu32, figures[index]);
        add_stage(text, &stats.source);
        add_stage(text, &stats.crop);
        add_stage(text, &stats.infer);
        add_stage(text, &stats.decode);
        add_stage(text, &stats.send);
        add_stage(text, &stats.age);
        add(text, " %d", stats.hottest_decicelsius);
    }
    if (pw_get_part(packet, &part))
        add(text, " confirmed=%u waiting=%u part=%u parts=%u", part.confirmed, part.waiting, part.part, part.parts);
    while (pw_next_instance(packet, &at, &instance)) {
        add(text, " | %u %u %u %u %u %u %u %u %u %d %d %u %u %u %u", instance.number, instance.parent, instance.slot,
            instance.task, instance.state, instance.side, instance.flags, instance.seen_ds, instance.look_age_ms,
            instance.centre_x, instance.centre_y, instance.region_side, instance.presence, instance.side_score,
            instance.joint_table);
        for (index = 0; pw_get_joint(&instance, index, &joint); index++)
            add(text, " %d:%d:%u%s", joint.x, joint.y, joint.score, joint.is_held ? ":held" : "");
    }
}

static void say(enum pw_event event, const struct pw_packet *packet) {
    static const char *const words[] = {"nothing",        "packet",      "learned",
                                        "unknown",        "invalid",     "refused old",
                                        "refused other_session", "refused late", "refused unordered",
                                        "no room"};
    char *text;
    if (event == PW_NOTHING) return;
    if (said_count == EVENTS) {
        fprintf(stderr, "line %d: too many events\n", line_number);
        exit(2);
    }
    text = said[said_count++];
    text[0] = 0;
    if (event == PW_PACKET) describe_packet(text, packet);
    else add(text, "%s", words[event]);
}

static void differ(const char *what, const char *expected, const char *got) {
    differences++;
    printf("line %d: %s\n  expected %s\n  got      %s\n", line_number, what, expected, got);
}

/* All that was said has been compared. */
static void check_all_compared(void) {
    if (compared < said_count) differ("an event too many", "nothing", said[compared]);
    compared = said_count = 0;
}

static size_t from_hex(const char *text, uint8_t *bytes) {
    size_t count = 0;
    unsigned byte;
    while (count < MAX_BYTES && sscanf(text + 2 * count, "%2x", &byte) == 1) bytes[count++] = (uint8_t)byte;
    return count;
}

static void damage(const uint8_t *bytes, size_t length, uint64_t now_us) {
    struct pw_packet packet;
    size_t index;
    for (index = 0; index < length; index++)
        /* Memory of just this length, so that a sanitizer sees a read behind it. */
        for (unsigned bit = 0; bit <= 8; bit++) {
            size_t size = bit == 8 ? index : length;
            uint8_t *copy = malloc(size ? size : 1);
            memcpy(copy, bytes, size);
            if (bit < 8) copy[index] ^= (uint8_t)(1u << bit);
            if (pw_datagram(&receiver, copy, size, now_us, &packet) != PW_INVALID)
                differ("damage", "invalid", bit == 8 ? "a shorter packet" : "a changed bit");
            free(copy);
        }
}

int main(int count, char **arguments) {
    static char line[LINE_CHARS];
    static uint8_t bytes[MAX_BYTES];
    uint8_t key[PW_KEY_BYTES];
    struct pw_packet packet;
    char counts[256], word[16];
    int cases = 0, steps = 0, index;
    FILE *file = count == 2 ? fopen(arguments[1], "r") : NULL;
    if (!file) {
        fprintf(stderr, "usage: vectors clients/vectors/wire.txt\n");
        return 2;
    }
    for (index = 0; index < PW_KEY_BYTES; index++) key[index] = (uint8_t)index;
    while (fgets(line, sizeof line, file)) {
        uint64_t now_us = 0;
        int text_at = 0;
        line_number++;
        line[strcspn(line, "\n")] = 0;
        if (line[0] == 0 || line[0] == '#') continue;
        if (line[0] == '=') {
            if (compared >= said_count) differ("an event is missing", line + 2, "nothing");
            else if (strcmp(line + 2, said[compared]) != 0) differ("another event", line + 2, said[compared]);
            compared++;
            continue;
        }
        check_all_compared();
        if (strncmp(line, "case ", 5) == 0) {
            cases++;
            if (strncmp(line + 5, "sealed", 6) == 0) pw_begin_sealed(&receiver, key, 0);
            else pw_begin(&receiver, 0);
            continue;
        }
        if (strncmp(line, "counts ", 7) == 0) {
            const struct pw_counts *got = &receiver.counts;
            snprintf(counts, sizeof counts,
                     "counts lost=%" PRIu32 " late=%" PRIu32 " repeated=%" PRIu32 " sessions=%" PRIu32
                     " invalid=%" PRIu32 " refused=%" PRIu32,
                     got->lost, got->late, got->repeated, got->sessions, got->invalid, got->refused);
            if (strcmp(line, counts) != 0) differ("other counts", line, counts);
            continue;
        }
        if (sscanf(line, "%15s %" SCNu64 " %n", word, &now_us, &text_at) != 2 || text_at == 0) {
            differ("a line that this program does not know", "", line);
            continue;
        }
        steps++;
        {
            size_t length = from_hex(line + text_at, bytes), at;
            if (strcmp(word, "datagram") == 0) say(pw_datagram(&receiver, bytes, length, now_us, &packet), &packet);
            else if (strcmp(word, "damage") == 0) damage(bytes, length, now_us);
            else if (strcmp(word, "line") == 0)
                for (at = 0; at < length; at++) say(pw_byte(&receiver, bytes[at], now_us, &packet), &packet);
            else differ("a line that this program does not know", "", line);
        }
    }
    check_all_compared();
    fclose(file);
    printf("%d cases, %d steps, %d differences\n", cases, steps, differences);
    return differences > 0 || cases == 0;
}

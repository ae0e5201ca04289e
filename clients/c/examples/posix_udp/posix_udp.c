/*
 * Prints the first joint of each packet: posix_udp [PORT] [KEY_FILE]. On the board: posewire run ... --udp HOST:PORT.
 */
#define _POSIX_C_SOURCE 200809L
#include "posewire.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { MAX_SILENCE_US = 300000 };

static uint64_t now_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u;
}

static int read_key(const char *path, uint8_t key[PW_KEY_BYTES]) {
    FILE *file = fopen(path, "r");
    unsigned byte;
    size_t index;
    for (index = 0; file && index < PW_KEY_BYTES && fscanf(file, "%2x", &byte) == 1; index++) key[index] = (uint8_t)byte;
    if (file) fclose(file);
    return index == PW_KEY_BYTES;
}

int main(int count, char **arguments) {
    static struct pw_receiver receiver;
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_ANY)}};
    const struct timeval wait = {.tv_usec = 100000};
    int udp = socket(AF_INET, SOCK_DGRAM, 0), is_stopped = 0;
    uint8_t bytes[1500], key[PW_KEY_BYTES];

    address.sin_port = htons((uint16_t)(count > 1 ? atoi(arguments[1]) : 9000));
    if (udp < 0 || bind(udp, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("the port");
        return 1;
    }
    setsockopt(udp, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
    if (count < 3) {
        pw_begin(&receiver, now_us());
    } else if (read_key(arguments[2], key)) {
        pw_begin_sealed(&receiver, key, now_us());
    } else {
        fprintf(stderr, "%s: a key is 64 hexadecimal digits\n", arguments[2]);
        return 1;
    }
    for (;;) {
        ssize_t length = recv(udp, bytes, sizeof bytes, 0);
        struct pw_packet packet;
        struct pw_keypoint joint;
        if (length >= 0 && pw_datagram(&receiver, bytes, (size_t)length, now_us(), &packet) == PW_PACKET) {
            if (pw_may_act(&packet) && pw_get_keypoint(&packet, 0, &joint) && joint.is_found)
                printf("packet %u: joint 0 at %.1f, %.1f px, %.1f ms old\n", (unsigned)packet.sequence,
                       (double)pw_px(&packet, joint.x), (double)pw_px(&packet, joint.y), packet.age_us / 1000.0);
            is_stopped = 0;
        }
        if (pw_is_silent(&receiver, now_us(), MAX_SILENCE_US) && !is_stopped) {
            puts("stop: the sender is silent");
            is_stopped = 1;
        }
        fflush(stdout);
    }
}

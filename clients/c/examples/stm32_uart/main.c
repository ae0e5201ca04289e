/*
 * A UART by interrupt, with ST's HAL: the interrupt stores bytes, the main loop reads packets. Sealed packets pass if
 * KEY is the board's key file. The board: posewire run ... --serial /dev/ttyS0:115200 --key-file key
 */
#include "main.h" /* made by STM32CubeMX: huart1 at 115200 baud, MX_..._Init */
#include "posewire.h"

enum { RING_BYTES = 1024, MAX_SILENCE_US = 300000 };

static const uint8_t KEY[PW_KEY_BYTES] = {0};

static struct pw_receiver receiver;
static uint8_t arrived;
static uint8_t ring[RING_BYTES];
static volatile uint32_t written; /* only the interrupt writes it */
static uint32_t read_so_far;

/* HAL_GetTick counts milliseconds and starts again after 49 days; posewire wants a clock that never does. */
static uint64_t now_us(void) {
    static uint32_t before;
    static uint64_t turns;
    const uint32_t now = HAL_GetTick();
    if (now < before) turns += (uint64_t)1 << 32;
    before = now;
    return 1000 * (turns + now);
}

void HAL_UART_RxCpltCallback(UART_HandleTypeDef *uart) {
    ring[written % RING_BYTES] = arrived;
    written++;
    HAL_UART_Receive_IT(uart, &arrived, 1);
}

/* Noise on the line ends the HAL's reception: begin again. */
void HAL_UART_ErrorCallback(UART_HandleTypeDef *uart) { HAL_UART_Receive_IT(uart, &arrived, 1); }

int main(void) {
    HAL_Init();
    SystemClock_Config();
    MX_GPIO_Init();
    MX_USART1_UART_Init();
    pw_begin_sealed(&receiver, KEY, now_us());
    HAL_UART_Receive_IT(&huart1, &arrived, 1);
    for (;;) {
        struct pw_packet packet;
        struct pw_keypoint wrist;
        /* Bytes that were overwritten are lost; the receiver finds the next frame. */
        if (written - read_so_far > RING_BYTES) read_so_far = written - RING_BYTES;
        while (read_so_far != written) {
            const uint8_t byte = ring[read_so_far++ % RING_BYTES];
            if (pw_byte(&receiver, byte, now_us(), &packet) != PW_PACKET || !pw_may_act(&packet)) continue;
            if (pw_get_keypoint(&packet, 20, &wrist) && wrist.is_found)
                move_to(pw_px(&packet, wrist.x), pw_px(&packet, wrist.y));
        }
        if (pw_is_silent(&receiver, now_us(), MAX_SILENCE_US)) stop();
    }
}

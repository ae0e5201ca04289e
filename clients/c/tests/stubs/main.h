/* As much of ST's HAL as the example needs, so that it is compiled here. */
#include <stdint.h>

typedef struct UART_HandleTypeDef UART_HandleTypeDef;
extern struct UART_HandleTypeDef {
    int unused;
} huart1;
void HAL_Init(void);
void SystemClock_Config(void);
void MX_GPIO_Init(void);
void MX_USART1_UART_Init(void);
uint32_t HAL_GetTick(void);
int HAL_UART_Receive_IT(UART_HandleTypeDef *uart, uint8_t *bytes, uint16_t count);
void move_to(float x_px, float y_px);
void stop(void);

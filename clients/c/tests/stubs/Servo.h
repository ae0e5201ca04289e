/* As much of Arduino as the example needs, so that it is compiled here. */
#include <stddef.h>
#include <stdint.h>

enum { LED_BUILTIN = 13, OUTPUT = 1 };
#define constrain(value, low, high) ((value) < (low) ? (low) : (value) > (high) ? (high) : (value))
uint32_t micros(void);
void pinMode(int pin, int mode);
void digitalWrite(int pin, int level);
struct Servo {
    void attach(int pin);
    void write(int angle);
};
struct SerialPort {
    void begin(long baud);
    int available();
    int read();
};
extern SerialPort Serial1;

// Turns a servo towards the tip of the forefinger. The board sends on its UART to this board's Serial1:
//   posewire run --source v4l2:auto --model hand.int8.onnx --serial /dev/ttyS0:115200
#include <Servo.h>
#include <posewire.h>

static const int SERVO_PIN = 9;
static const uint32_t MAX_SILENCE_US = 300000;
static const size_t FOREFINGER_TIP = 4;

static pw_receiver receiver;
static Servo servo;

// micros() starts again after 71 minutes; posewire wants a clock that never does.
static uint64_t now_us() {
  static uint32_t before = 0;
  static uint64_t turns = 0;
  const uint32_t now = micros();
  if (now < before) turns += 1ULL << 32;
  before = now;
  return turns + now;
}

void setup() {
  pinMode(LED_BUILTIN, OUTPUT);
  servo.attach(SERVO_PIN);
  Serial1.begin(115200);
  pw_begin(&receiver, now_us());
}

void loop() {
  while (Serial1.available() > 0) {
    pw_packet packet;
    pw_keypoint tip;
    if (pw_byte(&receiver, Serial1.read(), now_us(), &packet) != PW_PACKET) continue;
    if (!pw_may_act(&packet) || !pw_get_keypoint(&packet, FOREFINGER_TIP, &tip) || !tip.is_found) continue;
    // 0 at the left edge of the picture, 180 at the right one.
    const float angle = 180 * pw_px(&packet, tip.x) / packet.frame_width_px;
    servo.write(constrain((int)angle, 0, 180));
  }
  // The servo stays where it is; the light says that nothing comes.
  digitalWrite(LED_BUILTIN, pw_is_silent(&receiver, now_us(), MAX_SILENCE_US));
}

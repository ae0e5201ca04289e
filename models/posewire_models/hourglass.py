"""One-stack hourglass with strided residual blocks instead of pooling (Newell et al., ECCV 2016;
MMPose's HourglassNet, known as Hourglass-52).

In: N x 3 x H x W float, normalised RGB, H and W divisible by 128. Out: N x joints x H/4 x W/4 raw
heatmaps. Parameter names are MMPose's own, so a published checkpoint loads with `strict=True`.
"""

from torch import nn


class ConvBnRelu(nn.Module):
    def __init__(self, inputs, outputs, kernel, stride=1):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x):
        return self.relu(self.bn(self.conv(x)))


class BasicBlock(nn.Module):
    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        return self.relu(self.bn2(self.conv2(x)) + shortcut)


def blocks(inputs, outputs, count, stride=1, change_last=False):
    """`count` residual blocks. The first changes channels and stride; `change_last` moves the channel change
    to the last."""
    widths = [inputs] * count + [outputs] if change_last else [inputs] + [outputs] * count
    strides = [stride] + [1] * (count - 1)
    return nn.Sequential(*(BasicBlock(widths[i], widths[i + 1], strides[i]) for i in range(count)))


class Level(nn.Module):
    """One level of the hourglass: a full-size branch, and a half-size branch around the next level."""

    def __init__(self, channels, counts):
        super().__init__()
        here, below = channels[0], channels[1]
        self.up1 = blocks(here, here, counts[0])
        self.low1 = blocks(here, below, counts[0], stride=2)
        if len(channels) > 2:
            self.low2 = Level(channels[1:], counts[1:])
        else:
            self.low2 = blocks(below, below, counts[1])
        self.low3 = blocks(below, here, counts[0], change_last=True)
        self.up2 = nn.Upsample(scale_factor=2, mode="nearest")

    def forward(self, x):
        return self.up1(x) + self.up2(self.low3(self.low2(self.low1(x))))


class HourglassBackbone(nn.Module):
    def __init__(self, stem, features, channels, counts):
        super().__init__()
        self.stem = nn.Sequential(ConvBnRelu(3, stem, 7, 2), blocks(stem, features, 1, stride=2))
        self.hourglass_modules = nn.ModuleList([Level(channels, counts)])
        self.out_convs = nn.ModuleList([ConvBnRelu(channels[0], features, 3)])

    def forward(self, x):
        return self.out_convs[0](self.hourglass_modules[0](self.stem(x)))


class HourglassHead(nn.Module):
    def __init__(self, features, joints):
        super().__init__()
        self.multi_final_layers = nn.ModuleList([nn.Conv2d(features, joints, 1)])

    def forward(self, x):
        return self.multi_final_layers[0](x)


class Hourglass(nn.Module):
    """`Hourglass(16)` is pose_hourglass_52; smaller widths give the demo's network."""

    def __init__(
        self,
        joints,
        stem=128,
        features=256,
        channels=(256, 256, 384, 384, 384, 512),
        counts=(2, 2, 2, 2, 2, 4),
    ):
        super().__init__()
        self.backbone = HourglassBackbone(stem, features, channels, counts)
        self.keypoint_head = HourglassHead(features, joints)

    def forward(self, x):
        return self.keypoint_head(self.backbone(x))

"""Small networks of plain 3x3 blocks: the fastest that the int8 engine has for their accuracy.

`BasicBaseline`: in N x 3 x H x W float, normalised RGB; out N x channels x H/4 x W/4, raw heatmaps, one for
each joint and one for each extra channel of the card. `Finder`: out N x 8 x H/8 x W/8, its channels are
`FINDER`. Layers are those that `export` knows.
"""

from torch import nn

from .resnet import DeconvHead

# The finder's channels, all from 0 to 1. Those after the centres are read at a centre.
FINDER = (
    "hand_centre",
    "person_centre",
    "head_centre",  # a rival, so that faces are no hands
    "hand_size",  # log2(side / 8 px) / 5, as the next
    "person_size",
    "direction_cos",  # of wrist to knuckles, (cos + 1) / 2
    "direction_sin",
    "right_hand",
)
FINDER_STRIDE = 8


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and the sum, as in ResNet-18."""

    def __init__(self, inputs, outputs, stride):
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


def _stage(inputs, outputs, count, stride):
    blocks = [
        BasicBlock(inputs if i == 0 else outputs, outputs, stride if i == 0 else 1) for i in range(count)
    ]
    return nn.Sequential(*blocks)


class BasicResNet(nn.Module):
    """`stem` and `widths` are channel counts; each stage after the first halves the picture."""

    def __init__(self, stem, widths, blocks):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(stem)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        inputs = stem
        for stage, (width, count) in enumerate(zip(widths, blocks, strict=True)):
            setattr(self, f"layer{stage + 1}", _stage(inputs, width, count, 2 if stage else 1))
            inputs = width
        self.out_channels = inputs

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class BasicBaseline(nn.Module):
    """SimpleBaseline with plain blocks and a head that narrows."""

    def __init__(
        self, channels, stem=16, widths=(32, 64, 128, 256), blocks=(2, 2, 2, 2), filters=(96, 64, 48)
    ):
        super().__init__()
        self.backbone = BasicResNet(stem, widths, blocks)
        self.keypoint_head = DeconvHead(self.backbone.out_channels, filters, channels)

    def forward(self, x):
        return self.keypoint_head(self.backbone(x))


class Finder(nn.Module):
    """Hands and people in a whole frame: two stages, the coarser one added to the finer."""

    def __init__(self, stem=(16, 32), widths=(48, 64), blocks=2):
        super().__init__()
        self.conv1 = nn.Conv2d(3, stem[0], 3, 2, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(stem[0])
        self.conv2 = nn.Conv2d(stem[0], stem[1], 3, 2, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(stem[1])
        self.relu = nn.ReLU(inplace=True)
        self.fine = _stage(stem[1], widths[0], blocks, 2)
        self.coarse = _stage(widths[0], widths[1], blocks, 2)
        self.lateral = nn.Conv2d(widths[0], widths[0], 1)
        self.down = nn.Conv2d(widths[1], widths[0], 1)
        self.up = nn.Upsample(scale_factor=2, mode="nearest")
        self.mix = nn.Conv2d(widths[0], widths[0], 3, 1, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(widths[0])
        self.final_layer = nn.Conv2d(widths[0], len(FINDER), 1)

    def forward(self, x):
        x = self.relu(self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x))))))
        fine = self.fine(x)
        both = self.lateral(fine) + self.up(self.down(self.coarse(fine)))
        return self.final_layer(self.relu(self.bn3(self.mix(both))))

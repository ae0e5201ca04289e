"""SimpleBaseline2D on a bottleneck ResNet (Xiao et al., ECCV 2018).

In: N x 3 x H x W float, normalised RGB. Out: N x joints x H/4 x W/4 raw heatmaps.
Parameter names are MMPose's own (`backbone.*`, `keypoint_head.*`), so a published
checkpoint loads with `strict=True`.
"""

from torch import nn


class Bottleneck(nn.Module):
    """1x1, 3x3, 1x1 with the stride in the 3x3, as torchvision and MMPose's 'pytorch' style."""

    expansion = 4

    def __init__(self, inputs, planes, stride):
        super().__init__()
        outputs = planes * self.expansion
        self.conv1 = nn.Conv2d(inputs, planes, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3 = nn.Conv2d(planes, outputs, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        shortcut = x if self.downsample is None else self.downsample(x)
        x = self.relu(self.bn1(self.conv1(x)))
        x = self.relu(self.bn2(self.conv2(x)))
        return self.relu(self.bn3(self.conv3(x)) + shortcut)


class ResNet(nn.Module):
    """Four stages; `width` is the stem's channel count (64 in ResNet-50)."""

    def __init__(self, blocks, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = width
        for stage, count in enumerate(blocks):
            planes = width << stage
            layers = []
            for index in range(count):
                stride = 2 if stage > 0 and index == 0 else 1
                layers.append(Bottleneck(channels, planes, stride))
                channels = planes * Bottleneck.expansion
            setattr(self, f"layer{stage + 1}", nn.Sequential(*layers))
        self.out_channels = channels

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))


class DeconvHead(nn.Module):
    """Three 4x4 stride-2 transposed convolutions, then a 1x1 to one heatmap per joint."""

    def __init__(self, inputs, filters, joints):
        """`filters`: the width of each of the three."""
        super().__init__()
        layers = []
        for width in filters:
            layers += [
                nn.ConvTranspose2d(inputs, width, 4, 2, 1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
            inputs = width
        self.deconv_layers = nn.Sequential(*layers)
        self.final_layer = nn.Conv2d(inputs, joints, 1)

    def forward(self, x):
        return self.final_layer(self.deconv_layers(x))


class SimpleBaseline(nn.Module):
    """`SimpleBaseline(21)` is pose_resnet_50; smaller widths give the demo's network."""

    def __init__(self, joints, blocks=(3, 4, 6, 3), width=64, filters=256):
        super().__init__()
        self.backbone = ResNet(blocks, width)
        self.keypoint_head = DeconvHead(self.backbone.out_channels, (filters,) * 3, joints)

    def forward(self, x):
        return self.keypoint_head(self.backbone(x))

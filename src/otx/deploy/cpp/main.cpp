// Runs the model of a bundle on a picture and prints what it finds in the form of OTX's predictions.json, like run.py.
// Usage: example BUNDLE PICTURE.ppm   (CMakeLists.txt says how it is built)
// It reads boxes and flat labels; of other outputs, such as maps and masks, it prints shape and range.

#include <algorithm>
#include <array>
#include <cmath>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <openvino/openvino.hpp>
#include <set>

struct Found {
    size_t label;
    double score;
    std::array<double, 4> box;  // left, top, right, bottom; of a label of the whole picture only zeros
};

// RGB, a byte each, rows from the top: what a camera or a decoder gives in an application.
ov::Tensor read_ppm(const std::string& path) {
    std::ifstream file(path, std::ios::binary);
    std::string kind;
    size_t width = 0, height = 0, highest = 0;
    file >> kind >> width >> height >> highest;
    file.get();
    if (!file || kind != "P6" || highest != 255) throw std::runtime_error(path + ": expected an 8-bit binary PPM file");
    ov::Tensor image(ov::element::u8, {1, height, width, 3});
    file.read(static_cast<char*>(image.data()), image.get_byte_size());
    return file ? image : throw std::runtime_error(path + ": the picture is cut off");
}

// A field of a flat JSON object in the metadata; "null" where there is none.
std::string about(const ov::Model& model, const std::string& key, const std::string& field) {
    const auto text = model.get_rt_info<std::string>("otx", key), name = '"' + field + "\": ";
    const auto found = text.find(name), begin = found + name.size();
    return found == std::string::npos ? "null" : text.substr(begin, text.find_first_of(",}", begin) - begin);
}

// Lets the graph take a picture of its own size. The result leads back: x and y in the model's input are those in the
// picture times the first two numbers, plus the last two.
std::array<double, 4> fit(std::shared_ptr<ov::Model>& model, const ov::Shape& picture) {
    const auto number = [&](const char* field) { return std::stod(about(*model, "input_spec", field)); };
    const std::array<double, 2> size{number("height"), number("width")}, old{double(picture[1]), double(picture[2])};
    const std::string resize = about(*model, "input_spec", "resize");
    const double inside = std::min(size[0] / old[0], size[1] / old[1]), crop = number("crop_ratio");
    const double around = std::max(std::floor(size[0] / crop) / old[0], std::floor(size[1] / crop) / old[1]);
    std::array<int, 2> resized, begin, end, rest;
    for (const int axis : {0, 1}) {
        double side = size[axis];
        if (resize == "\"letterbox\"") side = std::clamp(std::nearbyint(old[axis] * inside), 1.0, size[axis]);
        if (resize == "\"center_crop\"") side = std::max(std::nearbyint(old[axis] * around), size[axis]);
        resized[axis] = int(side);
        begin[axis] = int(std::max(side - size[axis], 0.0)) / 2;
        end[axis] = begin[axis] + int(std::min(side, size[axis]));
        rest[axis] = int(std::max(size[axis] - side, 0.0));
    }
    ov::preprocess::PrePostProcessor graph(model);
    graph.input("image").tensor().set_shape(picture).set_layout("NHWC");
    graph.input("image").model().set_layout("NHWC");
    graph.input("image").preprocess()
        .resize(ov::preprocess::ResizeAlgorithm::RESIZE_BILINEAR_PILLOW, resized[0], resized[1])
        .crop({0, begin[0], begin[1], 0}, {1, end[0], end[1], 3})
        .convert_element_type(ov::element::f32)  // padding wants it
        .pad({0, 0, 0, 0}, {0, rest[0], rest[1], 0}, float(number("pad_value")), ov::preprocess::PaddingMode::CONSTANT);
    model = graph.build();
    return {resized[1] / old[1], resized[0] / old[0], -double(begin[1]), -double(begin[0])};
}

// A score for each label: all together make 1, or each is by itself.
std::vector<Found> read_labels(const ov::Tensor& logits, bool exclusive) {
    const auto* values = logits.data<const float>();
    const double highest = *std::max_element(values, values + logits.get_size());
    double sum = 0;
    for (size_t i = 0; i < logits.get_size(); ++i) sum += std::exp(values[i] - highest);
    std::vector<Found> found;
    for (size_t i = 0; i < logits.get_size(); ++i) {
        found.push_back({i, exclusive ? std::exp(values[i] - highest) / sum : 1 / (1 + std::exp(-values[i])), {}});
    }
    return found;
}

std::vector<Found> read_boxes(const ov::Tensor& boxes, const ov::Tensor& labels) {
    std::vector<Found> found;
    for (size_t i = 0; i < labels.get_size(); ++i) {
        const auto* row = boxes.data<const float>() + 5 * i;
        found.push_back({size_t(labels.data<const int64_t>()[i]), row[4], {row[0], row[1], row[2], row[3]}});
    }
    return found;
}

// Intersection over union.
double overlap(const std::array<double, 4>& one, const std::array<double, 4>& other) {
    const auto area = [](double width, double height) { return std::max(width, 0.0) * std::max(height, 0.0); };
    const double shared = area(std::min(one[2], other[2]) - std::max(one[0], other[0]),
                               std::min(one[3], other[3]) - std::max(one[1], other[1]));
    const double both = area(one[2] - one[0], one[3] - one[1]) + area(other[2] - other[0], other[3] - other[1]);
    return shared / std::max(both - shared, 1e-12);
}

// What has the threshold, best first; of two boxes of one label that overlap by more than `most`, the better one.
std::vector<Found> best(std::vector<Found> found, double threshold, double most, size_t limit) {
    std::stable_sort(found.begin(), found.end(), [](auto& one, auto& other) { return one.score > other.score; });
    std::vector<Found> kept;
    for (const auto& one : found) {
        const auto same = [&](auto& other) { return other.label == one.label && overlap(other.box, one.box) > most; };
        const bool known = std::any_of(kept.begin(), kept.end(), same);
        if (!known && one.score >= std::max(threshold, 1e-30) && kept.size() < limit) kept.push_back(one);
    }
    return kept;
}

void print(const std::string& key, const std::vector<Found>& all, const std::string& labels) {
    std::ifstream file(labels);
    std::vector<std::string> names;
    for (std::string name; std::getline(file, name);) names.push_back(name);
    std::cout << ", " << std::quoted(key) << ": [";
    for (const auto& one : all) {
        std::cout << (&one == all.data() ? "" : ",") << "\n  {\"label\": " << std::quoted(names.at(one.label));
        if (key == "objects") {
            const auto [left, top, right, bottom] = one.box;
            std::cout << ", \"bbox\": [" << left << ", " << top << ", " << right << ", " << bottom << "]";
        }
        std::cout << ", \"score\": " << one.score << "}";
    }
    std::cout << "]";
}

int main(int argc, char** argv) try {
    if (argc != 3) throw std::runtime_error("usage: example BUNDLE PICTURE.ppm");
    const std::string bundle = argv[1], labels = bundle + "/labels.txt";
    const ov::Tensor picture = read_ppm(argv[2]);
    const std::array<double, 2> size{double(picture.get_shape()[2]), double(picture.get_shape()[1])};
    ov::Core core;
    auto model = core.read_model(bundle + "/model.xml");
    std::set<std::string> outputs;
    for (const auto& port : model->outputs()) outputs.insert(port.get_any_name());
    const double threshold = std::stod(model->get_rt_info<std::string>("otx", "score_threshold"));
    const auto way = fit(model, picture.get_shape());
    const auto hint = ov::hint::inference_precision(ov::element::f32);
    auto request = core.compile_model(model, "CPU", hint).create_infer_request();
    request.set_tensor("image", picture);
    request.infer();

    std::cout << "[{\"image\": " << std::quoted(argv[2]) << ", \"width\": " << size[0] << ", \"height\": " << size[1];
    if (outputs.erase("boxes") && outputs.erase("labels")) {
        const std::string most = about(*model, "decode", "nms_iou"), limit = about(*model, "decode", "max_detections");
        auto found = read_boxes(request.get_tensor("boxes"), request.get_tensor("labels"));
        found = best(found, threshold, most == "null" ? 1 : std::stod(most), std::stoul(limit));
        for (auto& one : found) {
            for (const int i : {0, 1, 2, 3}) {
                one.box[i] = std::clamp((one.box[i] - way[2 + i % 2]) / way[i % 2], 0.0, size[i % 2]);
            }
        }
        print("objects", found, labels);
    } else if (outputs.count("logits") && request.get_tensor("logits").get_shape().size() == 2 &&
               !model->has_rt_info("model_info", "hierarchical")) {
        const bool several = model->has_rt_info("model_info", "multilabel");
        const auto found = read_labels(request.get_tensor("logits"), !several);
        print("labels", best(found, threshold, 1, several ? found.size() : 5), labels);
        outputs.erase("logits");
    }
    for (const auto& name : outputs) {
        const ov::Tensor values = request.get_tensor(name);
        const auto* data = values.data<const float>();
        const auto [lowest, highest] = std::minmax_element(data, data + values.get_size());
        std::cout << ",\n  " << std::quoted(name) << ": {\"shape\": \"" << values.get_shape() << "\", \"lowest\": "
                  << *lowest << ", \"highest\": " << *highest << "}";
    }
    std::cout << "}]\n";
} catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
}

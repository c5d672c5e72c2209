// Loads an SDF file as libsdformat does, with everything that it would only warn of as an error.
#include <iostream>

#include <sdf/Error.hh>
#include <sdf/Link.hh>
#include <sdf/Model.hh>
#include <sdf/ParserConfig.hh>
#include <sdf/Root.hh>
#include <sdf/World.hh>

int main(int, char **argv)
{
  sdf::ParserConfig config;
  config.SetWarningsPolicy(sdf::EnforcementPolicy::ERR);
  config.SetUnrecognizedElementsPolicy(sdf::EnforcementPolicy::ERR);
  config.SetDeprecatedElementsPolicy(sdf::EnforcementPolicy::ERR);
  sdf::Root root;
  const sdf::Errors errors = root.Load(argv[1], config);
  for (const auto &error : errors)
    std::cout << error << std::endl;
  if (!errors.empty())
    return 1;
  const sdf::World *world = root.WorldByIndex(0);
  std::cout << world->Name() << " " << world->ModelCount() << std::endl;
  for (uint64_t i = 0; i < world->ModelCount(); ++i)
  {
    const sdf::Model *model = world->ModelByIndex(i);
    for (uint64_t k = 0; k < model->LinkCount(); ++k)
    {
      ignition::math::Pose3d pose;
      const sdf::Link *link = model->LinkByIndex(k);
      if (!link->SemanticPose().Resolve(pose, "__model__").empty())
        return 2;
      std::cout << model->Name() << " " << link->Name() << " " << pose << std::endl;
    }
  }
  return 0;
}
